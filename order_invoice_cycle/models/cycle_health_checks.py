import sys

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import config, format_date

from odoo.addons.base.models.ir_actions_report import _wkhtml

from .cycle_health import NAMED, OVERDUE, Finding

# Older ones of each series take line breaks into the headers of a mail.
SAFE_PYTHON = {(3, 11): 15, (3, 12): 13, (3, 13): 12}
EVIDENCE_BATCH = 200
CRONS = (
    "ir_cron_draft_invoices",
    "ir_cron_renew_terms",
    "ir_cron_send_reminders",
    "ir_cron_escalate_approvals",
    "ir_cron_send_messages",
    "ir_cron_nudge_confirmations",
    "ir_cron_erase_traces",
    "ir_cron_daily_control",
)


class CycleHealth(models.Model):
    """The checks: each compares what should have been done with what was."""

    _inherit = "cycle.health"

    @api.model
    def _get_texts(self):
        """Return {key: (name of the check, what to do about a difference)}."""
        return {
            "drafts": (
                self.env._("Invoices drafted in time"),
                self.env._("Look at the reason on each payment of the schedule."),
            ),
            "renewals": (
                self.env._("Terms renewed in time"),
                self.env._("Look at the reason on each order."),
            ),
            "reminders": (
                self.env._("Reminders sent in time"),
                self.env._("Look at what each overdue receivable says happens next."),
            ),
            "links": (
                self.env._("Customers reminded of their links, expired links closed"),
                self.env._("Look at the scheduled action that reminds customers."),
            ),
            "messages": (
                self.env._("E-mails delivered"),
                self.env._("Read the reason in the outbox; send again or cancel."),
            ),
            "evidence": (
                self.env._("Evidence untouched"),
                self.env._(
                    "Compare with the customer's receipt; find out who may write to "
                    "the database."
                ),
            ),
            "jobs": (
                self.env._("Scheduled actions run"),
                self.env._("Open Settings > Technical > Scheduled Actions."),
            ),
            "base_url": (
                self.env._("Address in links is fixed"),
                self.env._(
                    "Set the system parameter web.base.url.freeze to True, so that no "
                    "log-in by another name changes the links of customers."
                ),
            ),
            "mail_server": (
                self.env._("Outgoing mail server"),
                self.env._("Add one in Settings > Technical > Outgoing Mail Servers."),
            ),
            "wkhtmltopdf": (
                self.env._("PDF renderer"),
                self.env._("Install wkhtmltopdf 0.12.6 with patched Qt."),
            ),
            "proxy": (
                self.env._("Proxy mode"),
                self.env._(
                    "Set proxy_mode = True in Odoo's configuration when a proxy is in "
                    "front of it: otherwise the evidence holds the proxy's address."
                ),
            ),
            "python": (
                self.env._("Python version"),
                self.env._("Update Python to the latest release of its series."),
            ),
        }

    # === WHAT THE JOBS SHOULD HAVE DONE === #

    def _find_drafts(self, company, now):
        day = company._cycle_date(now - OVERDUE)
        lines = self.env["cycle.schedule.line"]
        domain = Domain("company_id", "=", company.id) & Domain(
            [("state", "=", "planned"), ("date_draft", "<=", day)]
        )
        return self._name_records(
            lines,
            domain,
            "date_draft, id",
            lambda line: self.env._(
                "%(order)s, %(payment)s: to be drafted on %(date)s. %(reason)s",
                order=line.order_id.name,
                payment=line.name,
                date=format_date(self.env, line.date_draft),
                reason=line.error or "",
            ),
        )

    def _find_renewals(self, company, now):
        day = company._cycle_date(now - OVERDUE)
        domain = Domain("company_id", "=", company.id) & Domain(
            [
                ("state", "=", "sale"),
                ("is_paused", "=", False),
                "|",
                ("date_renewal_notice", "<=", day),
                ("date_renewal", "<=", day),
            ]
        )
        return self._name_records(
            self.env["sale.order"],
            domain,
            "date_renewal, id",
            lambda order: self.env._(
                "%(order)s: to be announced or renewed on %(date)s. %(reason)s",
                order=order.name,
                date=format_date(
                    self.env, order.date_renewal_notice or order.date_renewal
                ),
                reason=order.cycle_error or "",
            ),
        )

    def _find_reminders(self, company, now):
        day = company._cycle_date(now - OVERDUE)
        lines = self.env["account.move.line"]
        lines = lines.search(lines._get_lines_to_remind_domain(day, company))
        judgements = self.env["cycle.reminder"]._judge(lines, day)
        begun = lines.cycle_reminder_ids.filtered(
            lambda reminder: reminder.state in ("held", "queued", "failed")
        ).move_line_id
        missed = lines.filtered(
            lambda line: judgements[line].level and not judgements[line].hold_reason
        )
        missed -= begun
        return self._name_all(
            missed,
            lambda line: self.env._(
                "%(invoice)s, %(customer)s: %(level)s is due. %(reason)s",
                invoice=line.move_id.name,
                customer=line.partner_id.display_name,
                level=judgements[line].level.name,
                reason=line.cycle_error or "",
            ),
        )

    def _find_links(self, company, now):
        links = self.env["cycle.confirmation"]
        before = now - OVERDUE
        domain = Domain("company_id", "=", company.id) & (
            links._get_expired_domain(before) | links._get_nudge_domain(before)
        )
        return self._name_records(
            links,
            domain,
            "date_sent, id",
            lambda link: self.env._(
                "%(order)s, link to %(email)s. %(reason)s",
                order=link.order_id.name,
                email=link.email,
                reason=link.job_error or "",
            ),
        )

    def _find_messages(self, company, now):
        before = now - OVERDUE
        messages = self.env["cycle.message"]
        stuck = Domain("state", "in", ("failed", "uncertain"))
        late = Domain("state", "in", ("queued", "sending")) & (
            Domain("create_date", "<=", before)
            & (
                Domain("date_next_attempt", "=", False)
                | Domain("date_next_attempt", "<=", before)
            )
        )
        labels = dict(messages._fields["state"]._description_selection(self.env))
        return self._name_records(
            messages,
            Domain("company_id", "=", company.id) & (stuck | late),
            "id",
            lambda message: self.env._(
                "%(subject)s, to %(email)s: %(state)s. %(reason)s",
                subject=message.subject,
                email=message.email_to,
                state=labels[message.state],
                reason=message.failure_reason or "",
            ),
        )

    # === EVIDENCE === #

    def _find_evidence(self, company, now):
        running = Domain("state", "=", "sale") & Domain("payment_mode", "!=", False)
        orders = self.env["sale.order"].search(
            Domain("company_id", "=", company.id)
            & (running | Domain("confirmation_ids", "!=", False)),
            order="id",
        )
        verdicts = {}
        for start in range(0, len(orders), EVIDENCE_BATCH):
            batch = orders[start : start + EVIDENCE_BATCH].with_prefetch()
            for order in batch:
                broken = order._find_broken_evidence()
                if broken:
                    verdicts[order] = order._get_evidence_verdict(broken)
            batch.invalidate_recordset()
        return self._name_all(
            orders.filtered(lambda order: order in verdicts), verdicts.get
        )

    # === THE SYSTEM === #

    def _find_jobs(self, company, now):
        crons = self._get_crons()
        before = now - OVERDUE
        differences = {}
        for cron in crons:
            if not cron.active:
                text = self.env._("%(job)s is switched off.", job=cron.name)
            elif cron.failure_count:
                text = self.env._(
                    "%(job)s has failed %(count)s times in a row.",
                    job=cron.name,
                    count=cron.failure_count,
                )
            elif (cron.lastcall or cron.create_date) <= before:
                text = self.env._(
                    "%(job)s has not run since %(date)s UTC.",
                    job=cron.name,
                    date=cron.lastcall or cron.create_date,
                )
            else:
                continue
            differences[str(cron.id)] = text
        missing = len(crons) < len(CRONS)
        if missing:
            differences["missing"] = self.env._(
                "A scheduled action of the order cycle was deleted; update the addon."
            )
        return Finding(differences)

    def _get_crons(self):
        crons = self.env["ir.cron"].sudo().with_context(active_test=False)
        for name in CRONS:
            crons |= (
                self.env.ref(f"order_invoice_cycle.{name}", raise_if_not_found=False)
                or crons.browse()
            )
        return crons

    def _find_base_url(self, company, now):
        parameters = self.env["ir.config_parameter"].sudo()
        if parameters.get_param("web.base.url.freeze") in ("True", "true", "1"):
            return Finding({})
        url = parameters.get_param("web.base.url")
        return Finding(
            {
                "open": self.env._(
                    "Links to customers begin with %(url)s, and the next log-in of an "
                    "administrator may change that.",
                    url=url,
                )
            }
        )

    def _find_mail_server(self, company, now):
        servers = self.env["ir.mail_server"].sudo().search_count([], limit=1)
        if servers or config["smtp_server"] not in (False, "", "localhost"):
            return Finding({})
        return Finding(
            {"none": self.env._("No outgoing mail server is configured.")},
            is_hint=True,
        )

    def _find_wkhtmltopdf(self, company, now):
        renderer = _wkhtml()
        if renderer.state in ("install", "broken"):
            return Finding(
                {"none": self.env._("wkhtmltopdf is missing: no PDF can be made.")}
            )
        if not renderer.is_patched_qt:
            return Finding(
                {
                    "unpatched": self.env._(
                        "wkhtmltopdf is without patched Qt: it prints neither header "
                        "nor footer."
                    )
                },
                is_hint=True,
            )
        return Finding({})

    def _find_proxy(self, company, now):
        url = self.env["ir.config_parameter"].sudo().get_param("web.base.url") or ""
        if config["proxy_mode"] or not url.startswith("https:"):
            return Finding({})
        return Finding(
            {
                "off": self.env._(
                    "Customers come by https, so there is a proxy, but proxy_mode is "
                    "off."
                )
            },
            is_hint=True,
        )

    def _find_python(self, company, now):
        return self._judge_python(sys.version_info[:3])

    def _judge_python(self, version):
        """Return whether the Python that runs Odoo has the known fixes.

        :param tuple version: major, minor, micro
        """
        safe = SAFE_PYTHON.get(version[:2], 0)
        if version[2] >= safe:
            return Finding({})
        return Finding(
            {
                "old": self.env._(
                    "Python %(version)s lets line breaks into the headers of e-mails; "
                    "%(safe)s does not.",
                    version=".".join(map(str, version)),
                    safe=".".join(map(str, (*version[:2], safe))),
                )
            },
            is_hint=True,
        )

    # === NAMING === #

    def _name_records(self, model, domain, order, get_text):
        """Return the finding about the records of a domain, the oldest by name."""
        records = model.search(domain, order=order, limit=NAMED + 1)
        if len(records) <= NAMED:
            return self._name_all(records, get_text)
        finding = self._name_all(records[:NAMED], get_text)
        return finding._replace(count=model.search_count(domain))

    def _name_all(self, records, get_text):
        named = records[:NAMED]
        return Finding(
            {str(record.id): get_text(record).strip() for record in named},
            count=len(records),
            records=records,
        )
