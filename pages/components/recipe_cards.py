"""The cards to start from: the recipes, and the run whose settings were cloned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.components.session import format_duration, plain
from trainer_core.config import PICTURES, TrainConfig
from trainer_core.language import gettext as _
from trainer_core.recipes import RECIPES, Recipe

_CARD_PIXELS = 225


@dataclass(frozen=True)
class Start:
    """Where the form starts. `key` names its fields in the session, so that each start keeps what was typed over it."""

    key: str
    title: str
    base: TrainConfig
    recipe: str | None
    cloned_from: str | None = None


def start_of(recipe: Recipe) -> Start:
    """A recipe as the form's start."""
    return Start(f"train/{recipe.name}", _("the recipe {name}").format(name=recipe.name), recipe.config, recipe.name)


def recipe_cards(chosen: Start, choose: Callable[[str], None], seconds: Mapping[str, float]) -> Mapping[str, DeltaGenerator]:
    """Draws the cards.

    Args:
        chosen: What the form starts from now.
        choose: Called with a recipe's name when its card is chosen.
        seconds: How long each recipe's last finished run took, for recipes that have one.

    Returns:
        By recipe, the place where its card says how long it took, for `show_time` once that is known.
    """
    places = {}
    if chosen.cloned_from:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                _(":material/content_copy: Cloned from **{title}**. Choose a recipe to start from that instead.").format(
                    title=plain(chosen.title)
                )
            )
    with st.grid("auto", min_column_width=_CARD_PIXELS):
        for recipe in RECIPES.values():
            # Top and button apart, so that the buttons of a row stand at one height.
            with st.container(border=True, height="stretch", vertical_alignment="distribute"):
                is_chosen = not chosen.cloned_from and chosen.recipe == recipe.name
                with st.container(gap="xxsmall"):
                    kind = "image" if recipe.config.task in PICTURES else "notes"
                    st.markdown(f":material/{kind}: **{plain(_(recipe.title))}**")
                    st.caption(_("{what}.").format(what=plain(_(recipe.learns))))
                    places[recipe.name] = st.empty()
                    show_time(places[recipe.name], seconds.get(recipe.name))
                st.button(
                    recipe.name,
                    key=f"train/choose/{recipe.name}",
                    icon=":material/check_circle:" if is_chosen else ":material/radio_button_unchecked:",
                    on_click=choose,
                    args=(recipe.name,),
                    width="stretch",
                )
    if chosen.recipe is not None and chosen.recipe in RECIPES and not chosen.cloned_from:
        _about(RECIPES[chosen.recipe])
    return places


def _about(recipe: Recipe) -> None:
    """What the chosen recipe takes and gives. The cards leave it out, so that seven of them fit a screen."""
    with st.grid(3, min_column_width=_CARD_PIXELS):
        _fact("database", _(recipe.data))
        _fact("account_tree", _(recipe.network))
        _fact("flag", _(recipe.expect))


def show_time(place: DeltaGenerator, seconds: float | None) -> None:
    """Says on a card how long the recipe took here."""
    with place:
        took = _("Took {time} here, last time").format(time=format_duration(seconds)) if seconds else _("Not run here yet")
        _fact("timer", took)


def _fact(icon: str, text: str) -> None:
    st.markdown(f":small[:material/{icon}: {plain(text)}]")
