"""The service company of the demo: what it set up before its first order."""

from __future__ import annotations

import base64
import datetime
import importlib
import io

NAME = "Bursztyn Systemy Sp. z o.o."
DOMAIN = "bursztyn.example"
COLOUR = "#b35a00"
DETAILS = f"<p>{NAME}, VAT PL5842751979<br/>ul. Długa 12, 80-827 Gdańsk</p>"
FOOTER = f"<p>+48 58 555 01 00 · biuro@{DOMAIN} · https://{DOMAIN}</p>"

# login: name, groups. The password is the login: the demo serves this machine only.
PEOPLE = {
    "sales": (
        "Anna Kowalczyk",
        [
            "order_invoice_cycle.group_cycle_user",
            "sales_team.group_sale_salesman",
            "base.group_partner_manager",
        ],
    ),
    "approver": ("Piotr Zieliński", ["order_invoice_cycle.group_cycle_approver"]),
    "billing": (
        "Maria Wiśniewska",
        ["order_invoice_cycle.group_cycle_billing", "base.group_partner_manager"],
    ),
    "collections": (
        "Tomasz Dąbrowski",
        ["order_invoice_cycle.group_cycle_collections"],
    ),
    "manager": (
        "Katarzyna Nowak",
        [
            "order_invoice_cycle.group_cycle_manager",
            "account.group_account_manager",
            "base.group_partner_manager",
            "base.group_system",
        ],
    ),
}

# The scheduled actions that run while the demo is served. The others of Odoo would
# call services on the internet or write to the people of the demo.
CRONS = (
    "order_invoice_cycle.",
    "payment.cron_post_process_payment_tx",
    "mail.ir_cron_mail_scheduler_action",
)


def set_up(env, url: str, today: datetime.date) -> None:
    """Give an empty database its company, people and settings.

    :param env: an environment of the superuser
    :param url: the address at which the database is served
    :param today: the day on which the demo runs
    """
    _set_up_company(env)
    _set_up_bank(env)
    _set_up_people(env)
    _set_up_euro(env, today)
    _set_up_plan(env)
    set_address(env, url)
    _switch_off_crons(env)


def set_address(env, url: str) -> None:
    """Let links and PDFs use the address at which the database is served."""
    parameters = env["ir.config_parameter"]
    parameters.set_param("web.base.url", url)
    parameters.set_param("web.base.url.freeze", "True")
    # Odoo lets wkhtmltopdf wait a second for scripts; no document here has one.
    parameters.set_param("report.print_delay", "0")


def _set_up_company(env) -> None:
    env.company.write(
        {
            "name": NAME,
            "street": "ul. Długa 12",
            "zip": "80-827",
            "city": "Gdańsk",
            "vat": "PL5842751979",
            "email": f"biuro@{DOMAIN}",
            "phone": "+48 58 555 01 00",
            "website": f"https://{DOMAIN}",
            "primary_color": COLOUR,
            "logo": base64.b64encode(_draw_logo()),
            "email_secondary_color": COLOUR,
            "external_report_layout_id": env.ref("web.external_layout_standard").id,
            "company_details": DETAILS,
            "report_footer": FOOTER,
        }
    )
    env.company.partner_id.tz = "Europe/Warsaw"
    # English as it is written in Poland: 7 November is not 11 July.
    env.ref("base.lang_en").date_format = "%d.%m.%Y"


def _draw_logo() -> bytes:
    """Return the company's sign as a PNG: a piece of amber and the name."""
    image_module = importlib.import_module("PIL.Image")
    draw_module = importlib.import_module("PIL.ImageDraw")
    font_module = importlib.import_module("PIL.ImageFont")
    image = image_module.new("RGBA", (640, 160), (255, 255, 255, 0))
    draw = draw_module.Draw(image)
    draw.ellipse((8, 20, 148, 140), fill=COLOUR)
    draw.ellipse((36, 40, 92, 76), fill="#f0a840")
    font = font_module.load_default(size=64)
    draw.text((176, 40), "Bursztyn", fill="#2b2b2b", font=font)
    png = io.BytesIO()
    image.save(png, "PNG")
    return png.getvalue()


def _set_up_bank(env) -> None:
    """Give the company the account that its invoices ask to pay to."""
    journal = env["account.journal"].search([("type", "=", "bank")], limit=1)
    bank = env["res.bank"].create({"name": "Bank Bałtycki S.A.", "bic": "BIGBPLPW"})
    journal.bank_account_id = env["res.partner.bank"].create(
        {
            "acc_number": "PL82 1090 1098 0000 0001 2345 6789",
            "bank_id": bank.id,
            "partner_id": env.company.partner_id.id,
            "allow_out_payment": True,
        }
    )


def _set_up_people(env) -> None:
    # Without the mail that invites them: the mails are those of customers.
    users = env["res.users"].with_context(no_reset_password=True)
    for login, (name, groups) in PEOPLE.items():
        user = users.create(
            {
                "name": name,
                "login": login,
                "password": login,
                "email": f"{login}@{DOMAIN}",
                "tz": "Europe/Warsaw",
                "group_ids": [(4, env.ref(group).id) for group in groups],
            }
        )
        # What Odoo tells its users stays in Odoo, too.
        user.notification_type = "inbox"
    # Nobody but the people above decides: the administrator is no manager of orders.
    manager = env.ref("order_invoice_cycle.group_cycle_manager")
    manager.user_ids -= env.ref("base.user_admin")


def _set_up_euro(env, today: datetime.date) -> None:
    """Add a price list in euro, and the rate for the invoices of the eight weeks."""
    euro = env.ref("base.EUR")
    env["res.config.settings"].create({"group_product_pricelist": True}).execute()
    env["product.pricelist"].create({"name": "EUR", "currency_id": euro.id})
    env["res.currency.rate"].create(
        {
            "currency_id": euro.id,
            "name": today - datetime.timedelta(days=90),
            "inverse_company_rate": 4.25,
        }
    )


def _set_up_plan(env) -> None:
    """Add a payment plan whose terms are short enough to be renewed in eight weeks."""
    env["cycle.plan"].create(
        {
            "name": "Every two weeks",
            "payment_mode": "recurring",
            "recurrence_interval": 2,
            "recurrence_unit": "week",
            "recurrence_count": 2,
            "notice_days": 7,
        }
    )


def _switch_off_crons(env) -> None:
    crons = env["ir.cron"].search([])
    names = crons._get_external_ids()
    crons.filtered(
        lambda cron: not any(name.startswith(CRONS) for name in names[cron.id])
    ).active = False
