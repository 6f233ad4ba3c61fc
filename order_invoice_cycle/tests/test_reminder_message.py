from .reminder_common import ReminderCommon


class TestReminderMessage(ReminderCommon):
    """What one message says, and what is checked again before it goes out."""

    def test_customer_gets_one_message_about_everything(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        moves = self.env["account.move"]
        for amount, currency in (
            (100, self.company.currency_id),
            (200, self.company.currency_id),
            (50, euro),
            (60, euro),
            (70, euro),
        ):
            moves |= self._create_invoice_due(amount=amount, currency_id=currency.id)
        other = self._create_invoice_due(partner_id=self.other_customer.id)
        mails = self._remind(7)
        self.assertEqual(len(mails), 2)
        reminders = self._get_lines(moves).cycle_reminder_ids
        self.assertEqual(len(reminders.message_id), 1)
        self.assertEqual(reminders[0]._get_claims(), reminders.sorted("id"))
        self.assertEqual(
            dict(reminders[0]._get_claim_totals()),
            {self.company.currency_id: 300.0, euro: 180.0},
        )
        self.assertNotEqual(
            self._get_lines(other).cycle_reminder_ids.message_id, reminders.message_id
        )
        body = reminders.message_id.body
        for move in moves:
            self.assertIn(move.name, body)
        self.assertNotIn(other.name, body)

    def test_message_has_the_tone_of_the_highest_level(self):
        first = self._create_invoice_due(due=self._day(7))
        second = self._create_invoice_due()
        self._remind(7)
        self._remind(14)
        reminders = self._get_lines(first | second).cycle_reminder_ids
        last = reminders.filtered(lambda r: r.date == self._day(14))
        self.assertEqual(last.level_id, self.levels[0] | self.levels[1])
        self.assertEqual(
            last.message_id.mail_template_id, self.levels[1].mail_template_id
        )

    def test_each_company_sends_its_own_message(self):
        other = self.setup_other_company(name="Second service company")["company"]
        other.write({"cycle_remind_all_invoices": True, "email": "two@service.example"})
        self._create_invoice_due()
        self._create_invoice_due(company_id=other.id)
        mails = self._remind(7)
        self.assertEqual(len(mails), 2)
        companies = self.env["cycle.message"].search([]).company_id
        self.assertEqual(companies, self.company | other)

    def test_nothing_is_sent_when_it_was_settled_while_queued(self):
        def pay(move):
            self._pay(move, date=self._day(7))

        def credit(move):
            self._reverse_invoice(move, post=True)
            (move | move.reversal_move_ids).line_ids.filtered(
                lambda line: (
                    line.account_type == "asset_receivable" and not line.reconciled
                )
            ).reconcile()

        def set_to_draft(move):
            move.button_draft()

        for settle in (pay, credit, set_to_draft):
            with self.subTest(settle.__name__):
                move = self._create_invoice_due()
                self._queue(7)
                settle(move)
                reminder = self._get_lines(move).cycle_reminder_ids
                message = reminder.message_id
                self._deliver(7)
                self.assertFalse(self.outbox)
                self.assertEqual(message.state, "cancelled")
                self.assertEqual(reminder.state, "cancelled")

    def test_rest_is_claimed_when_it_was_partly_paid_while_queued(self):
        move = self._create_invoice_due()
        self._queue(7)
        self._pay(move, amount=400, date=self._day(7))
        self._deliver(7)
        reminder = self._get_lines(move).cycle_reminder_ids
        self.assertRecordValues(reminder, [{"state": "sent", "amount": 600.0}])

    def test_others_are_claimed_when_one_was_paid_while_queued(self):
        paid = self._create_invoice_due(due=self._day(-5))
        left = self._create_invoice_due(amount=300)
        self._queue(9)
        reminders = self._get_lines(paid | left).cycle_reminder_ids
        message = reminders.message_id
        self.assertEqual(message.res_id, self._get_lines(paid).cycle_reminder_ids.id)
        self._pay(paid, date=self._day(9))
        [mail] = self._remind(9)
        text = mail.get_body(("plain",)).get_content()
        self.assertIn(left.name, text)
        self.assertNotIn(paid.name, text)
        self.assertEqual(message.res_id, self._get_lines(left).cycle_reminder_ids.id)
        self.assertEqual(self._get_states(paid), ["cancelled"])
        self.assertEqual(self._get_states(left), ["sent"])

    def test_message_goes_to_the_address_of_the_day(self):
        self._create_invoice_due()
        self._queue(7)
        self.customer.email = "moved@customer.example"
        self._deliver(7)
        self.assertIn("moved@customer.example", self.outbox[0]["To"])

    def test_message_is_judged_by_the_day_it_goes_out(self):
        """Queued on the 8th, released on the 20th, while a grace ran to the 15th."""
        move = self._create_invoice_due()
        self._queue(7)
        self._get_lines(move).cycle_date_reminder_from = self._day(14)
        self._deliver(19)
        self.assertEqual(self._get_sent(move), [(7, 19)])
        self.assertEqual(self._get_lines(move).cycle_date_reminded, self._day(19))

    def test_formal_notice_gets_one_number_once(self):
        two = self._create_invoice_due() | self._create_invoice_due()
        other = self._create_invoice_due(partner_id=self.other_customer.id)
        self._remind(7, 14)
        reminders = self._get_lines(two | other).cycle_reminder_ids
        self.assertFalse(any(reminders.mapped("notice_number")))
        self._queue(21)
        message = self._get_lines(two).cycle_reminder_ids.sorted("id")[-1:].message_id
        self._deliver(21)
        numbers = {
            move: set(
                self._get_lines(move)
                .cycle_reminder_ids.filtered("level_id.is_formal_notice")
                .mapped("notice_number")
            )
            for move in two | other
        }
        self.assertEqual(numbers[two[0]], numbers[two[1]])
        self.assertNotEqual(numbers[two[0]], numbers[other])
        self.assertRegex(next(iter(numbers[two[0]])), r"2027/\d+$")
        message.sudo().state = "uncertain"
        message.with_user(self.user_collections).action_send_again()
        self._deliver(22)
        again = self._get_lines(two[0]).cycle_reminder_ids.filtered(
            "level_id.is_formal_notice"
        )
        self.assertEqual({again.notice_number}, numbers[two[0]])
