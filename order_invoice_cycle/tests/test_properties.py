from .properties_common import PropertiesCase


class TestProperties(PropertiesCase):
    """The promises, for orders that are paid before or after the work."""

    def test_promises_hold_after_every_step_of_any_sequence(self):
        self._check_sequences(["advance", "deposit_30", "completion_14"])
