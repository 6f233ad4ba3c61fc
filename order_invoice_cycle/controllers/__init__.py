from . import access_log
from . import answer
from . import confirmation_form
from . import confirmation
from . import portal
from . import preview
