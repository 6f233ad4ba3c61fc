from . import access_log
from . import answer
from . import confirmation
from . import portal
