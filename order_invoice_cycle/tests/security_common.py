from odoo.fields import Command
from odoo.tests import new_test_user

from .common import CycleCommon

ADDON = "order_invoice_cycle"


class SecurityCase(CycleCommon):
    """People of every role and of none, and a record of each model."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        groups = {
            "portal": "base.group_portal",
            "public": "base.group_public",
            "employee": "base.group_user",
            "sales": "sales_team.group_sale_salesman",
            "invoicing": "account.group_account_invoice",
            "readonly": "account.group_account_readonly",
        }
        cls.users = {
            role: new_test_user(
                cls.env,
                login=f"security_{role}",
                groups=group,
                company_id=cls.company.id,
                company_ids=[Command.set(cls.company.ids)],
            )
            for role, group in groups.items()
        }
        cls.users["user"] = cls.user_sales.copy(
            {
                "login": "security_user",
                "group_ids": [
                    Command.set(cls.env.ref(f"{ADDON}.group_cycle_user").ids)
                ],
            }
        )
        cls.users.update(
            approver=cls.user_approver,
            billing=cls.user_billing,
            collections=cls.user_collections,
            manager=cls.user_manager,
        )

    def _get_own_models(self):
        return {
            name: model
            for name, model in self.env.registry.items()
            if model._original_module == ADDON and not model._abstract
        }

    def _create_one_of_each(self):
        """Return one record of each own model, all of the tests' company."""
        order = self._running_order(plan="advance")
        move = self._publish(self._draft(order))
        dispute = self.env["cycle.dispute"].create(
            {"move_id": move.id, "reason": "Not as agreed.", "amount": 1}
        )
        line = move.line_ids.filtered("date_maturity")
        template = self.env.ref(f"{ADDON}.mail_template_reminder_1")
        level = self.env["cycle.reminder.level"].create(
            {
                "name": "Own level",
                "company_id": self.company.id,
                "mail_template_id": template.id,
            }
        )
        reminder = (
            self.env["cycle.reminder"]
            .sudo()
            .create(
                {
                    "move_id": move.id,
                    "move_line_id": line.id,
                    "level_id": level.id,
                    "level_name": level.name,
                    "partner_id": self.customer.id,
                    "date": "2027-02-01",
                }
            )
        )
        plan = self.env.ref(f"{ADDON}.cycle_plan_advance").copy(
            {"company_id": self.company.id}
        )
        rule = self.env["cycle.approval.rule"].create(
            {
                "name": "Own rule",
                "company_id": self.company.id,
                "approver_ids": [Command.set(self.user_approver.ids)],
            }
        )
        substitute = self.env["cycle.approval.substitute"].create(
            {
                "user_id": self.user_approver.id,
                "substitute_id": self.user_manager.id,
                "date_from": "2027-02-01",
                "date_to": "2027-02-02",
                "company_id": self.company.id,
            }
        )
        event = order.confirmation_ids.sudo()._log_event("opened", ip="192.0.2.7")
        order.confirmation_ids.sudo()._issue_nudge_token()
        codes = order.confirmation_ids.sudo().code_ids
        code = codes.create(
            {"confirmation_id": order.confirmation_ids.id, "date_asked": "2027-02-01"}
        )
        health = self.env["cycle.health"].sudo()
        health._make_rows()
        pause = (
            self.env["cycle.pause"]
            .sudo()
            .create(
                {
                    "order_id": order.id,
                    "date_start": "2027-02-01",
                    "date_end": "2027-02-02",
                }
            )
        )
        index = self.env["cycle.price.index"].create(
            {
                "name": "Own index",
                "company_id": self.company.id,
                "entry_ids": [Command.create({"date": "2027-02-01", "percent": 1})],
            }
        )
        renewal = (
            self.env["cycle.renewal"]
            .sudo()
            .create(
                {
                    "order_id": order.id,
                    "term_number": 2,
                    "date_start": "2027-02-01",
                    "date_end": "2027-02-28",
                    "date_cancel_by": "2027-01-20",
                    "date_index": "2027-01-15",
                    "price_factor": 1,
                }
            )
        )
        return [
            health.search([("company_id", "=", self.company.id)], limit=1).sudo(False),
            order.confirmation_ids.sudo().token_ids.sudo(False),
            code.sudo(False),
            pause.sudo(False),
            index,
            index.entry_ids,
            renewal.sudo(False),
            substitute,
            order.approval_ids,
            order.confirmation_ids,
            order.confirmation_ids.event_ids[0],
            event.trace_ids.sudo(False),
            order.schedule_line_ids,
            self.env["cycle.message"].search([("purpose", "=", "invoice")]),
            dispute,
            level,
            reminder.sudo(False),
            plan,
            plan.line_ids,
            rule,
        ]

    def _get_records(self):
        """Return a record of each model that has methods to call, {model: record}."""
        records = {record._name: record for record in self._create_one_of_each()}
        order = records["cycle.approval"].order_id
        records["sale.order"] = order
        records["account.move"] = order.schedule_line_ids.invoice_id
        records["res.partner"] = self.customer
        return records

    def _get_outsiders(self):
        """Return those whom the records are none of the business of, {role: user}."""
        other = self.setup_other_company()["company"]
        return {
            **{role: self.users[role] for role in ("portal", "public", "employee")},
            "other company": self._create_user("manager", company=other),
        }

    def _as_outsider(self, user, record):
        companies = user.company_ids.ids
        return record.with_user(user).with_context(allowed_company_ids=companies)
