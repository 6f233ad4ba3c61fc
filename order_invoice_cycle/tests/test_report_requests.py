import logging
import os
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.base.models.ir_actions_report import IrActionsReport

from ..models.cycle_confirmation_certificate import ARCHIVING
from .confirmation_common import ConfirmationPageCase
from .other_site import OtherSite

_logger = logging.getLogger(__name__)

# What makes a browser, which the printer is, ask another server.
TAGS = (
    '<img src="{url}">',
    '<img srcset="{url} 2x">',
    '<iframe src="{url}"></iframe>',
    '<object data="{url}"></object>',
    '<embed src="{url}">',
    '<link rel="stylesheet" href="{url}">',
    '<link rel="prefetch" href="{url}">',
    '<style>@import url("{url}");</style>',
    '<style>body{{background:url("{url}")}}</style>',
    '<div style="background-image:url({url})">x</div>',
    '<div style="list-style:url({url})">x</div>',
    '<script src="{url}"></script>',
    "<script>var r=new XMLHttpRequest();r.open('GET','{url}');r.send()</script>",
    "<script>new Image().src='{url}'</script>",
    '<video src="{url}" poster="{url}"></video>',
    '<audio src="{url}" autoplay></audio>',
    '<svg><image xlink:href="{url}"/></svg>',
    '<svg><use xlink:href="{url}#x"/></svg>',
    '<body background="{url}">',
    '<table background="{url}"><tr><td background="{url}">x</td></tr></table>',
    '<input type="image" src="{url}">',
    '<meta http-equiv="refresh" content="0;url={url}">',
    '<base href="{url}/">',
    '<form action="{url}"></form><script>document.forms[0].submit()</script>',
    '<frameset><frame src="{url}"></frameset>',
    "<img src=x onerror=\"this.src='{url}'\">",
    "<svg onload=\"location='{url}'\">",
    '<bgsound src="{url}">',
    '<applet code="{url}"></applet>',
    '<font face="x" style="src:url({url})">x</font>',
    '<style>@font-face{{font-family:x;src:url("{url}")}}p{{font-family:x}}</style><p>x',
    '"><img src="{url}">',
    "'><img src='{url}'>",
    "--><img src={url}>",
    "]]><img src={url}>",
    "</textarea><img src={url}>",
    "</title><img src={url}>",
    "<![CDATA[<img src={url}>]]>",
    '<?xml-stylesheet href="{url}"?>',
    '<!DOCTYPE x SYSTEM "{url}"><x>',
)


@tagged("post_install", "-at_install")
class TestReportRequests(ConfirmationPageCase):
    """Printing asks no server for what people typed, visitors print nothing."""

    def setUp(self):
        super().setUp()
        self.site = self.enterContext(OtherSite().serve())

    def test_documents_ask_no_server_for_what_was_typed(self):
        full = os.environ.get("CYCLE_TEST_FULL")
        at_once = 10 if full else len(TAGS)
        tags = [
            tag.format(url=f"{self.site.url}/{number}")
            for number, tag in enumerate(TAGS)
        ]
        reports = self.env["ir.actions.report"]
        reports._run_wkhtmltopdf([TAGS[0].format(url=f"{self.site.url}/control")])
        self.assertTrue(self.site.requests, "the printer cannot reach the server")
        self.site.requests.clear()
        documents = 0
        for start in range(0, len(tags), at_once):
            documents += self._print_all(tags[start : start + at_once])
        self.assertEqual(self.site.requests, [])
        _logger.info(
            "%s documents with %s tags that name another server: 0 requests to it",
            documents,
            len(tags),
        )

    def _print_all(self, tags):
        """Print each of our documents with the tags in all its texts."""
        text = "\n".join(tags)
        self.customer.write({"name": " ".join(tags)[:1000], "street": tags[0]})
        self.anna.name = tags[1]
        order = self._create_order(
            plan="deposit_30",
            partner_id=self.anna.id,
            confirmation_partner_ids=self.anna.ids,
            client_order_ref=tags[2],
            lines=[self._create_line(name=tag) for tag in tags],
        )
        order.customer_reply = text
        self._approve(order)
        self._send_messages()
        link = self._get_confirmation(self.anna, order).sudo()
        link._confirm(link.terms_hash, tags[3], note=text)
        invoice = self._publish(self._draft(order)[:1])
        invoice.ref = tags[4]
        notice = self._create_notice(invoice)
        records = {
            "report_cycle_order": order,
            "report_cycle_certificate": link,
            "report_cycle_payment_request": order.schedule_line_ids[:1],
            "report_cycle_notice": notice,
        }
        for name, record in records.items():
            self._print(f"order_invoice_cycle.{name}", record)
        self._print("account.report_invoice_with_payments", invoice)
        return len(records) + 1

    def _create_notice(self, invoice):
        level = self.env.ref("order_invoice_cycle.cycle_reminder_level_3")
        line = invoice.line_ids.filtered("date_maturity")[:1]
        return (
            self.env["cycle.reminder"]
            .sudo()
            .create(
                {
                    "move_id": invoice.id,
                    "move_line_id": line.id,
                    "level_id": level.id,
                    "level_name": level.name,
                    "partner_id": invoice.partner_id.id,
                    "date": "2027-02-20",
                }
            )
        )

    def _print(self, report, record):
        reports = self.env["ir.actions.report"].with_context(
            force_report_rendering=True, cycle_archiving=ARCHIVING
        )
        self.env.flush_all()
        pdf, kind = reports._render_qweb_pdf(report, record.ids)
        self.assertEqual((kind, pdf[:5]), ("pdf", b"%PDF-"))

    def test_visitors_start_no_printing(self):
        runs = []
        with patch.object(
            IrActionsReport,
            "_run_wkhtmltopdf",
            lambda *args, **kwargs: runs.append(args),
        ):
            self._open()
            for _time in range(10):
                self._get(f"{self.path}/pdf")
                self._get(f"{self.path}/certificate")
            self._post("accept")
            for _time in range(10):
                self._get(f"{self.path}/pdf")
                self._get(f"{self.path}/certificate?format=json")
        self.assertEqual(runs, [])
        _logger.info("40 documents asked for by visitors: 0 printed for them")
