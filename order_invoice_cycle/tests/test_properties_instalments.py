from .properties_common import PropertiesCase


class TestPropertiesOfInstalments(PropertiesCase):
    """The promises, for orders that are paid over time."""

    def test_promises_hold_after_every_step_of_any_sequence(self):
        self._check_sequences(["instalments_3", "monthly"])
