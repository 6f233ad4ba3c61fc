from . import access_log
from . import answer
from . import confirmation_form
from . import confirmation
from . import payment
from . import renewal
from . import portal
from . import preview
