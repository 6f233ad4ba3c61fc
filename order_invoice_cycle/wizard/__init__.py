from . import cycle_approval_decide
from . import cycle_confirmation_record
from . import cycle_dispute_resolve
from . import payment_link_wizard
from . import portal_share
from . import sale_advance_payment_inv
from . import sale_order_complete
from . import sale_order_terminate
