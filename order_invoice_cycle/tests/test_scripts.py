import logging
import os

from odoo.tests import tagged

from ..models.cycle_confirmation_certificate import ARCHIVING
from .browser_common import CustomerBrowserCase
from .common import CycleBrowserCase
from .other_site import OtherSite
from .payloads import get_scripts

_logger = logging.getLogger(__name__)

COUNT = 300 if os.environ.get("CYCLE_TEST_FULL") else 30
AT_ONCE = 15
# What would run as soon as somebody touches it, even if nobody did yet.
ARMED = """
    (() => {
        const typed = /alert\\(|confirm\\(|prompt\\(|print\\(|stolen/;
        const found = [];
        for (const node of document.querySelectorAll("*"))
            for (const {name, value} of node.attributes)
                if (
                    (/^on|^(src|action|data|srcdoc|style|formaction)$/i.test(name) &&
                        typed.test(value)) ||
                    (name === "href" && /^\\W*(java|vb)script|^data:text/i.test(value))
                )
                    found.push(`${node.tagName} ${name}=${value}`);
        for (const {textContent: text} of document.querySelectorAll("script, style"))
            if (text.length < 300 && typed.test(text)) found.push(text);
        return found;
    })()
"""
LOADED = "document.readyState === 'complete'"
FORM = "document.querySelector('.o_form_view .o-mail-Message') !== null"


@tagged("post_install", "-at_install", "cycle_browser")
class TestScriptsOfStrangers(CycleBrowserCase, CustomerBrowserCase):
    """What people type is text, wherever it is shown."""

    browser_size = "1280x860"

    def setUp(self):
        super().setUp()
        self.site = self.enterContext(OtherSite().serve())
        self.pages = 0
        for group in ("sales_team.group_sale_manager", "account.group_account_manager"):
            self.user_manager.group_ids += self.env.ref(group)

    def fetch_proxy(self, url):
        """Note what the browser asks of the world outside."""
        self.site.requests.append((url, {}))
        return super().fetch_proxy(url)

    def test_scripts_do_not_run_wherever_they_are_typed(self):
        scripts = get_scripts(COUNT, self.site.url)
        self.assertEqual(len(scripts), COUNT)
        with self._browser() as browser:
            for start in range(0, COUNT, AT_ONCE):
                self._check_everywhere(browser, scripts[start : start + AT_ONCE])
        _logger.info(
            "%s scripts in %s pages, mails and reports: 0 dialogs, 0 foreign requests",
            COUNT,
            self.pages,
        )

    def _check_everywhere(self, browser, scripts):
        self.outbox.clear()
        order = self._create_offer(scripts)
        link = self._get_confirmation(self.anna, order).sudo()
        path = f"/order/review/{link.id}"
        self._look(browser, self._get_link(self.anna, order), "Please review")
        self._check(browser)
        link._comment(link.terms_hash, scripts[0], "\n".join(scripts))
        self._look(browser, path, "Thank you for your comments")
        self._check(browser)
        order.with_user(self.user_sales).customer_reply = "\n".join(scripts)
        self._approve(order)
        self._send_messages()
        link = self._get_confirmation(self.anna, order).sudo()
        self._look(browser, self._get_link(self.anna, order), "Please review")
        self._check(browser)
        link._confirm(link.terms_hash, scripts[1], note="\n".join(scripts))
        self._send_messages()
        self._look(browser, f"/order/review/{link.id}", "Thank you")
        self._check(browser)
        self.assertPolicyKept(browser, scripts)
        invoice = self._publish(self._draft(order)[:1])
        self._dispute(invoice, scripts)
        self._check_mails(browser)
        self._check_reports(browser, order, link)
        self._check_backend(browser, order, invoice, link)

    def _create_offer(self, scripts):
        """Return an offer in which every text is a script."""
        self.customer.name = " ".join(scripts[:8])[:1500]
        self.anna.name = " ".join(scripts[-8:])[:1500]
        products = self.env["product.product"].create(
            [
                {"name": text, "type": "service", "description_sale": text}
                for text in scripts
            ]
        )
        order = self._create_order(
            plan="deposit_30",
            partner_id=self.anna.id,
            confirmation_partner_ids=self.anna.ids,
            client_order_ref=scripts[2],
            lines=[
                self._create_line(product_id=one.id, name=f"{one.name}\n{one.name}")
                for one in products
            ],
        )
        order.with_user(self.user_sales).action_submit_for_approval()
        order.with_user(self.user_approver).action_approve(comment=scripts[3])
        self._send_messages()
        return order

    def _dispute(self, invoice, scripts):
        self.env["cycle.dispute"].create(
            {"move_id": invoice.id, "reason": "\n".join(scripts), "amount": 1}
        )
        self._send_messages()

    # === WHERE IT IS SHOWN === #

    def _check_mails(self, browser):
        self.assertGreaterEqual(len(self.outbox), 4)
        for mail in self.outbox:
            self._show(browser, mail.get_body(("html",)).get_content())

    def _check_reports(self, browser, order, link):
        report = self.env["ir.actions.report"].with_context(cycle_archiving=ARCHIVING)
        for name, record in (
            ("report_cycle_order", order),
            ("report_cycle_certificate", link),
            ("report_cycle_payment_request", order.schedule_line_ids[:1]),
        ):
            content, _kind = report._render_qweb_html(
                f"order_invoice_cycle.{name}", record.ids
            )
            self._show(browser, content.decode())

    def _show(self, browser, html):
        """Show HTML as a page of another site, where no policy protects it."""
        path = f"/page/{len(self.site.pages)}"
        self.site.pages[path] = html
        browser.navigate_to(self.site.url + path, wait_stop=True)
        self.assertTrue(browser._wait_ready(LOADED, timeout=30))
        self._check(browser)

    def _check_backend(self, browser, order, invoice, link):
        self.env.flush_all()
        login = self.user_manager.login
        self.authenticate(login, login, browser=browser)
        line = order.schedule_line_ids[:1]
        for path, ready in (
            (f"action-sale.action_orders/{order.id}", FORM),
            (f"action-account.action_move_out_invoice_type/{invoice.id}", FORM),
            (f"cycle-schedule/{line.id}", "document.querySelector('.o_form_view')"),
            (
                f"cycle-waiting-for-customer/{link.id}",
                "document.querySelector('.o_form_view')",
            ),
            ("cycle-disputes", "document.querySelector('.o_data_row')"),
            ("cycle-dashboard", "document.querySelector('.o_cycle_panel')"),
        ):
            browser.navigate_to(f"{self.base_url()}/odoo/{path}", wait_stop=True)
            self.assertTrue(browser._wait_ready(f"!!({ready})", timeout=60), path)
            self._check(browser)
        # What the web client still asks for would meet what comes next.
        browser.navigate_to(self.site.url, wait_stop=True)
        self._wait_remaining_requests()
        self.authenticate(None, None, browser=browser)

    def _check(self, browser):
        """Nothing of a stranger's ran, or waits to run, on this page."""
        self.pages += 1
        self.assertEqual(self._run(browser, "window.cycleDialogs"), [])
        self.assertEqual(self._run(browser, ARMED), [])
        asked = [path for path, _headers in self.site.requests if "stolen" in path]
        self.assertEqual(asked, [])
