from contextlib import contextmanager

from odoo import SUPERUSER_ID, api, fields
from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.addons.base.models.ir_mail_server import IrMail_Server


@tagged("post_install", "-at_install")
class CycleCommon(AccountTestInvoicingCommon):
    """A service company in Poland, its people, two customers, and an order's life.

    The tests' own user is a manager of everything. ``self.outbox`` collects the
    e-mails handed to the mail server. Dates are passed in: an order starts on
    ``start`` unless a test says otherwise.
    """

    chart_template = "generic_coa"
    country_code = "PL"

    @classmethod
    def get_default_groups(cls):
        manager = cls.quick_ref("order_invoice_cycle.group_cycle_manager")
        return super().get_default_groups() | manager

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write(
            {
                "vat": "PL5260250995",
                "email": "office@service.example",
                "company_details": "<p>NIP 526-02-50-995</p>",
            }
        )
        cls.company.partner_id.tz = "Europe/Warsaw"
        cls.start = fields.Date.to_date("2027-01-15")
        cls.user_sales = cls._create_user("user", "sales_team.group_sale_salesman")
        cls.user_approver = cls._create_user("approver")
        cls.user_billing = cls._create_user("billing")
        cls.user_collections = cls._create_user("collections")
        cls.user_manager = cls._create_user("manager")
        cls.customer = cls._create_customer("Nowak Sp. z o.o.", vat="PL1234563218")
        cls.other_customer = cls._create_customer("Kowalska S.A.", vat="PL7740001454")
        cls.tax_23 = cls._create_tax(23)
        cls.tax_8 = cls._create_tax(8)
        cls.service = cls._create_product(
            name="Support",
            type="service",
            invoice_policy="order",
            lst_price=1000.0,
            taxes_id=cls.tax_23,
        )

    def setUp(self):
        super().setUp()
        self.outbox = []

        def send_email(server, message, *args, **kwargs):
            self.outbox.append(message)
            return message["Message-Id"]

        self.patch(IrMail_Server, "send_email", send_email)

    def _print_blank(self):
        """Make every PDF an empty one: rendering takes most of the time of a test."""
        self.patch(
            self.registry["ir.actions.report"],
            "_render_qweb_pdf",
            lambda *_args, **_kwargs: (b"%PDF-1.4\n%%EOF\n", "pdf"),
        )

    # === BUILDERS === #

    @classmethod
    def _create_user(cls, role, *groups, company=None):
        """Return a user of the cycle's group ``role`` and of ``groups``."""
        company = company or cls.company
        return new_test_user(
            cls.env,
            login=f"cycle_{role}_{company.id}",
            email=f"{role}@service.example",
            name=f"{role.title()} of {company.name}",
            groups=",".join([f"order_invoice_cycle.group_cycle_{role}", *groups]),
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )

    @classmethod
    def _create_customer(cls, name, **values):
        return cls.env["res.partner"].create(
            {
                "name": name,
                "is_company": True,
                "email": f"{name.split()[0].lower()}@customer.example",
                "street": "Długa 5",
                "city": "Kraków",
                "zip": "31-147",
                "country_id": cls.env.ref("base.pl").id,
                **values,
            }
        )

    @classmethod
    def _create_tax(cls, amount, **values):
        name = f"{amount} % {values.get('price_include_override', '')}"
        return cls.env["account.tax"].create({"name": name, "amount": amount, **values})

    @classmethod
    def _create_line(cls, price=1000.0, taxes=None, **values):
        """Return the command of an order line of the service."""
        taxes = cls.tax_23 if taxes is None else taxes
        return Command.create(
            {
                "product_id": cls.service.id,
                "price_unit": price,
                "tax_ids": [Command.set(taxes.ids)],
                **values,
            }
        )

    @classmethod
    def _create_order(cls, plan=None, lines=None, **values):
        """Return a draft cycle order of the sales user, 1000.00 plus 23 % VAT.

        ``plan`` is the end of a plan's xml id, ``lines`` a list of commands.
        """
        plan = plan and cls.env.ref(f"order_invoice_cycle.cycle_plan_{plan}")
        values = {
            "partner_id": cls.customer.id,
            "payment_mode": plan.payment_mode if plan else "after_completion",
            "plan_id": plan and plan.id,
            "service_date_start": cls.start,
            "order_line": lines or [cls._create_line()],
            **values,
        }
        orders = cls.env["sale.order"].with_user(cls.user_sales)
        return orders.create(values).with_env(cls.env)

    # === STEPS OF AN ORDER === #

    def _approve(self, orders):
        """Sales submits, the approver approves."""
        for order in orders:
            order.with_user(self.user_sales).action_submit_for_approval()
            order.with_user(self.user_approver).action_approve()
        return orders

    def _confirm(self, orders, name="Jan Nowak"):
        """The outbox sends the link, the customer confirms by it."""
        self._send_messages()
        for order in orders:
            sent = order.confirmation_ids.filtered(lambda c: c.state == "sent")[:1]
            self.assertEqual(sent.sudo()._confirm(order.terms_hash, name), "done")
        return orders

    def _running_order(self, **values):
        """Return an order that was approved and confirmed."""
        return self._confirm(self._approve(self._create_order(**values)))

    def _draft(self, orders, today="2099-01-01"):
        """Draft what of the orders is due by then; return their drafts."""
        self._run_cron("cycle.schedule.line", "_cron_draft_invoices", today=today)
        drafts = orders.schedule_line_ids.invoice_id
        return drafts.filtered(lambda move: move.state == "draft")

    def _publish(self, moves, today="2027-01-15"):
        """Billing publishes the drafts on that day."""
        moves.with_user(self.user_billing).action_publish(today=today)
        return moves

    def _pay(self, move, amount=None, date=None):
        """Register a payment of the invoice, of all that is open by default."""
        amount = move.amount_residual if amount is None else amount
        date = date or move.invoice_date
        return self._register_payment(move, amount=amount, payment_date=date)

    def _send_messages(self):
        """Run the outbox; what it hands to the mail server lands in ``outbox``."""
        self._run_cron("cycle.message", "_cron_send_messages")

    # === JOBS === #

    @contextmanager
    def _cron_env(self):
        """Give an environment like a scheduled action's, whose commits stay here."""
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def _run_cron(self, model, method, today=None, **kwargs):
        """Run a job that commits, on the day ``today``."""
        if today:
            kwargs["today"] = fields.Date.to_date(today)
        with self._cron_env() as env:
            return getattr(env[model], method)(**kwargs)


class CycleHttpCase(CycleCommon, HttpCase):
    """Base of tests that ask the server for pages."""

    @contextmanager
    def _cron_env(self):
        """An ``HttpCase`` is in test mode all the time, but does not flush for us."""
        self.env.flush_all()
        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})
        self.env.invalidate_all()


@tagged("cycle_browser")
class CycleBrowserCase(CycleHttpCase):
    """Base of tours; distributions lack one non-free file that breaks every page."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        path = "mail/static/lib/selfie_segmentation/selfie_segmentation.js"
        assets = cls.env["ir.asset"]
        # The development database has dropped it already; dropping twice fails.
        if not assets.search_count([("path", "=", path)]):
            assets.create(
                {
                    "name": "Selfie segmentation is not distributed",
                    "bundle": "web.assets_backend",
                    "directive": "remove",
                    "path": path,
                }
            )
