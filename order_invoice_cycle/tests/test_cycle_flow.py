from .common import CycleCommon


class TestCycleFlow(CycleCommon):
    def test_x(self):
        order = self._create_order()
        print(order.schedule_line_ids.read(["name", "amount_total", "state", "date_due"]))
        self._approve(order)
        print(order.cycle_stage)
        self._confirm(order)
        print(order.cycle_stage, order.state, [m["Subject"] for m in self.outbox])
        order.action_mark_completed(self.start)
        moves = self._draft(order)
        print(moves, moves.amount_total, moves.publish_check_note)
        self._publish(moves)
        self._run_cron(self.env["cycle.message"], "_cron_send_messages")
        print(moves.state, [m["Subject"] for m in self.outbox], moves.is_move_sent)
        self._pay(moves)
        print(order.cycle_stage)
