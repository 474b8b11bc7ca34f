"""Names for runs: two words and a number, such as bold-heron-7."""

import random
from collections.abc import Collection

_FIRST = """
able airy amber apt bold brave brisk bright calm candid clear clever cosy crisp daring deft eager early easy even fair fast fine
firm fleet fond fresh gentle glad golden grand green hardy honest humble jolly just keen kind lean light lively loyal lucid lucky
mellow merry mild neat nimble noble patient plain polite proud pure quick quiet rapid ready rosy round sage sharp silver simple
smart smooth snug solid sound spry steady still sturdy subtle sunny sure sweet swift tidy tender true trusty vivid warm wise witty
"""

_SECOND = """
acorn alder ash badger beaver beech birch bison brook cedar cliff clover comet coral crane creek curlew dale deer delta dune eagle
elm falcon fern finch fjord fox glade grove gull harbour hare hazel heath heron hill holly ibis island ivy jay kestrel lagoon lake
larch lark leaf linden lynx maple marten meadow mole moss moth oak orchid osprey otter owl pebble pine plover pond poplar quail
rain raven reed ridge river robin rowan sable sedge shore snipe sparrow spruce stork stream swan swift tern thrush tide trout vale
willow wolf wren yew
"""


def new_name(taken: Collection[str], chance: random.Random | None = None) -> str:
    """A name that is not among `taken`. The number grows with the names there are, so that one is always found."""
    chance = chance or random.Random()  # noqa: S311 - a name, not a secret
    limit = 9
    while True:
        name = f"{chance.choice(_FIRST.split())}-{chance.choice(_SECOND.split())}-{chance.randint(1, limit)}"
        if name not in taken:
            return name
        limit += 10
