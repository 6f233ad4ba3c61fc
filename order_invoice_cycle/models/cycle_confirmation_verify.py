import hashlib
from typing import NamedTuple

from odoo import fields, models

from ..tools.terms import chain_hash, sha256

# Besides the order, the confirmation and the user, which are named by id.
CHAINED = (
    "sequence",
    "event",
    "date",
    "name",
    "email",
    "note",
    "terms_hash",
    "pdf_sha256",
    "trace_hash",
)

ANSWERS = ("confirmed", "commented", "declined")


class Break(NamedTuple):
    """Where the evidence of an order stops being what it was."""

    event: object  # the first event that does not fit; the last one if some are gone
    reason: str


class CycleConfirmation(models.Model):
    """Verification: recompute the evidence, name the first thing that was changed."""

    _inherit = "cycle.confirmation"

    evidence_head = fields.Char(
        string="Evidence at the confirmation",
        readonly=True,
        copy=False,
        help="Fingerprint of the last event when the certificate was made. The "
        "customer has it as well: events cut off the end of the chain are noticed.",
    )

    # === BUTTONS === #

    def action_verify(self):
        """Recompute the evidence chain of the order.

        :return: True when every event fits, otherwise the first one that does not;
            when events are missing at the end, the last one that is left
        """
        self.ensure_one()
        self.check_access("read")
        broken = self.sudo().order_id._find_broken_evidence()
        return broken.event if broken else True

    def action_show_verification(self):
        """Say in words whether the evidence of the order is untouched.

        :return: a notification
        """
        self.ensure_one()
        self.check_access("read")
        order = self.sudo().order_id
        broken = order._find_broken_evidence()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "danger" if broken else "success",
                "title": self.env._("The evidence was changed")
                if broken
                else self.env._("The evidence is untouched"),
                "message": order._get_evidence_verdict(broken),
                "sticky": bool(broken),
            },
        }

    # === WHAT AN EVENT VOUCHES FOR === #

    def _get_changed_snapshot(self, event):
        """Return what differs from what ``event``, one of ours, vouches for, or False.

        :return: a sentence for people
        """
        self.ensure_one()
        if self.terms_json and sha256(self.terms_json) != event.terms_hash:
            return self.env._("the terms kept with it are not those offered")
        if event.trace_ids and event.trace_ids[0]._get_hash() != event.trace_hash:
            return self.env._("the IP address or browser kept with it was changed")
        if event.pdf_sha256 and {event.pdf_sha256} != self._get_pdf_fingerprints():
            return self.env._("the PDF kept with it is not the one shown")
        if self.terms_hash != event.terms_hash:
            return self.env._("the confirmation is about other terms")
        if event.event in ANSWERS:
            return self._get_changed_answer(event)
        return False

    def _get_pdf_fingerprints(self):
        """Return what the confirmation says of its PDF, and what the file says."""
        return {self.pdf_sha256, hashlib.sha256(self.pdf_id.raw or b"").hexdigest()}

    def _get_changed_answer(self, event):
        if (self.state, self.date_decided) != (event.event, event.date):
            return self.env._("the confirmation says another answer or another time")
        if {self.email, self.decided_email} != {event.email}:
            return self.env._("the address on the confirmation was changed")
        if self.decided_name != event.name or not self._has_note(event.note or ""):
            return self.env._(
                "the name, the wording or the proof on the confirmation was changed"
            )
        return False

    def _has_note(self, note):
        """Tell whether the confirmation still says what its event noted."""
        if self.state != "confirmed":
            return note == (self.comment or "")
        if self.channel == "online":
            return note == (self.statement or "")
        lines = note.split("\n")
        return (
            lines[0] == f"channel: {self.channel}"
            and f"\nreason: {self.reason}\nproof: " in note
            and lines[-1] in self.sudo().attachment_ids.mapped(self._get_proof_note)
        )

    def _get_proof_note(self, attachment):
        """Return how the evidence names a proof."""
        digest = hashlib.sha256(attachment.raw or b"").hexdigest()
        return f"proof: {attachment.name} sha256 {digest}"

    def _lacks_its_answer(self):
        """Tell whether it counts as answered, but no event of the evidence says so."""
        return self.state in ANSWERS and self.state not in self.event_ids.mapped(
            "event"
        )


class CycleConfirmationEvent(models.Model):
    _inherit = "cycle.confirmation.event"

    def _find_break(self):
        """Recompute the chain of ``self``, all events of one order.

        :return: a :class:`Break`, or None when every event fits
        """
        previous = ""
        by_place = {event.sequence: event for event in self}
        left = self.sorted("id")
        for place in range(1, len(self) + 1):
            # Where a place is empty, the event made next has lost it.
            event = by_place.get(place) or left[:1]
            reason = event._get_misfit(place, previous)
            reason = reason or event.confirmation_id._get_changed_snapshot(event)
            if reason:
                return Break(event, reason)
            previous = event.hash
            left -= event
        return None

    def _get_misfit(self, position, previous):
        """Return why the event does not belong at this place of the chain, or False.

        :param int position: its place, counted from 1
        :param str previous: hash of the event before
        """
        self.ensure_one()
        row = {name: self[name] for name in CHAINED}
        row.update(
            order_id=self.order_id.id,
            confirmation_id=self.confirmation_id.id,
            user_id=self.user_id.id,
        )
        content = self._get_chained_content(row)
        if self.sequence != position:
            return self.env._("events before it are missing")
        if (self.previous_hash or "") != previous:
            return self.env._("the event before it was replaced")
        if self.hash != chain_hash(previous, content):
            return self.env._("its content was changed")
        return False


class SaleOrder(models.Model):
    _inherit = "sale.order"

    def _find_broken_evidence(self):
        """Verify the evidence of the order, in superuser mode.

        :return: a :class:`Break`, or None when nothing was changed
        """
        self.ensure_one()
        confirmations = self.confirmation_ids
        # Found by both links, so that a changed one hides nothing.
        events = self.env["cycle.confirmation.event"].search(
            [
                "|",
                ("order_id", "=", self.id),
                ("confirmation_id", "in", confirmations.ids),
            ],
            order="sequence, id",
        )
        broken = events._find_break()
        if broken:
            return broken
        heads = {head for head in confirmations.mapped("evidence_head") if head}
        if heads - set(events.mapped("hash")):
            return Break(events[-1:], self.env._("events after it are missing"))
        if any(confirmation._lacks_its_answer() for confirmation in confirmations):
            return Break(
                events[-1:], self.env._("an answer stands after it without an event")
            )
        if self._runs_without_confirmation():
            return Break(
                events[-1:], self.env._("the order runs without a confirmation")
            )
        return None

    def _runs_without_confirmation(self):
        """Tell whether the order is a sale that no evidence allows."""
        self.ensure_one()
        return (
            bool(self.payment_mode)
            and self.state == "sale"
            and not self._is_confirmed_by_customer()
        )

    def _get_evidence_verdict(self, broken):
        """Return in words what the verification found.

        :param Break broken: what :meth:`_find_broken_evidence` returned
        """
        self.ensure_one()
        if not broken:
            events = self.confirmation_ids.event_ids.sorted("sequence")
            return self.env._(
                "Order %(order)s: all %(count)s events, the terms and the PDF are what "
                "they were. Fingerprint of the last event: %(head)s. It is compared "
                "with the one in the customer's receipt.",
                order=self.name,
                count=len(events),
                head=events[-1:].hash or "-",
            )
        if not broken.event:
            return self.env._(
                "Order %(order)s: all events were removed.", order=self.name
            )
        return self.env._(
            "Order %(order)s: event %(number)s (%(event)s, %(date)s UTC) is the first "
            "that does not fit: %(reason)s.",
            order=self.name,
            number=broken.event.sequence,
            event=broken.event._get_event_text(),
            date=fields.Datetime.to_string(broken.event.date),
            reason=broken.reason,
        )
