"""Playground, Try: a picture or texts go in, what each chosen checkpoint says comes out."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.components.ask_inputs import Question, ask_drawing, ask_test_image, ask_upload
from pages.components.ask_texts import TextQuestion, ask_many, ask_one, load_examples, offer_examples, start_with_an_example
from pages.components.checkpoint_picker import Chosen
from pages.components.file_answers import answer_file
from pages.components.picture_answer import draw_picture_answer
from pages.components.session import format_bytes, plain, show_error
from pages.components.talk_part import talk
from pages.components.text_answer import draw_many, draw_many_beside, draw_one, draw_seen
from trainer_core.checkpoints import list_checkpoints
from trainer_core.config import PICTURES
from trainer_core.errors import TrainerError
from trainer_core.jobs.predictor import Predictions, Predictor
from trainer_core.language import Words, mark
from trainer_core.language import gettext as _
from trainer_core.store import Store

_INPUTS = Words({"one": mark("One text"), "many": mark("Several, a line each"), "file": mark("A file")})


def try_it(store: Store, chosen: Sequence[Chosen], predictor: Predictor) -> None:
    """The first checkpoint, and those beside it."""
    config = chosen[0].checkpoint.config()
    if config.task in PICTURES:
        ask_pictures(store, chosen, predictor)
    elif config.task == "chat":
        say_synthetic(chosen[0])
        talk(chosen, predictor)
    elif config.task == "language_modelling":
        say_synthetic(chosen[0])
        go_on(chosen, predictor)
    else:
        say_synthetic(chosen[0])
        ask_texts(store, chosen, predictor)


def say_synthetic(chosen: Chosen) -> None:
    """Says of a run that learnt from made-up texts that it knows no others."""
    if chosen.checkpoint.details.get("synthetic"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge(_("synthetic"), icon=":material/science:", color="orange")
            made = _("dialogues") if chosen.checkpoint.config().task == "chat" else _("reviews")
            st.caption(
                _("This run learnt from {made} that a grammar made. It knows their words, and few others.").format(made=made)
            )


def ask(store: Store, chosen: Chosen, question: Callable[[], Predictions]) -> Predictions | None:
    """The answer; where there is none, a sentence says why."""
    try:
        with st.spinner(_("Asking {name}. The first answer waits for its model to load.").format(name=plain(chosen.run.name))):
            return question()
    except TrainerError as error:
        there = [kept.step for kept in list_checkpoints(store, chosen.run.run_id)]
        if there and chosen.checkpoint.step not in there:
            st.rerun()  # the run went on and put a newer one in its place while the question was on its way
        show_error(error)
        return None


def ask_pictures(store: Store, chosen: Sequence[Chosen], predictor: Predictor) -> None:
    """A test picture, a drawing or an upload on the left, the answer on the right, or several below."""
    way = choose_input({"test": _("Test picture"), "draw": _("Draw"), "upload": _("Upload")}, "playground/input")
    first = chosen[0].checkpoint

    def question_of() -> Question | None:
        if way == "draw":
            return ask_drawing(first)
        return ask_upload(first) if way == "upload" else ask_test_image(first.config())

    def answer_of(one: Chosen, question: Question) -> Predictions | None:
        picture = question.framed(one.checkpoint)[None]
        return ask(store, one, lambda: predictor.predict(one.run.run_id, one.checkpoint.step, picture))

    if len(chosen) == 1:
        left, right = st.columns(2, gap="large")
        with left:
            question = question_of()
        with right:
            if question is not None and (answer := answer_of(chosen[0], question)) is not None:
                draw_picture_answer(first, question.true_label, answer)
        return
    question = question_of()
    if question is not None:
        asked = question

        def draw(one: Chosen, answer: Predictions, odd: bool) -> None:
            draw_picture_answer(one.checkpoint, asked.true_label, answer, f"playground/bars/{one.key}", odd)

        beside(chosen, lambda one: answer_of(one, asked), draw)


def beside(
    chosen: Sequence[Chosen],
    answer_of: Callable[[Chosen], Predictions | None],
    draw: Callable[[Chosen, Predictions, bool], None],
) -> None:
    """A column a checkpoint. Those that do not say what the first one says are marked; what they take of memory stands below."""
    first, last = None, None
    with st.grid(min(3, len(chosen)), min_column_width=260):
        for one in chosen:
            with st.container(border=True):
                st.markdown(f"**{plain(one.name)}**")
                answer = answer_of(one)
                if answer is None:
                    continue
                said = answer.labels[int(answer.winners[0])] if answer.labels else None
                first = said if first is None else first
                draw(one, answer, said != first)
                last = answer
    say_kept(last)


def say_kept(answer: Predictions | None) -> None:
    """How many models are held ready, and what they may take."""
    if answer is not None and answer.kept.models > 1:
        st.caption(
            _("{count} models are held ready, {size} of at most {limit}; the one asked longest ago goes first.").format(
                count=answer.kept.models, size=format_bytes(answer.kept.bytes), limit=format_bytes(answer.kept.limit)
            )
        )


def ask_texts(store: Store, chosen: Sequence[Chosen], predictor: Predictor) -> None:
    """One text, several or a file above, the answer and examples to start from below."""
    first, config = chosen[0].checkpoint, chosen[0].checkpoint.config()
    way = choose_input(_INPUTS, "playground/text-input")
    if way == "file":
        answer_file(store, chosen[0])
        if len(chosen) > 1:
            st.caption(_("A file is answered by {name} alone.").format(name=plain(chosen[0].name)))
        return
    many = way == "many"
    examples = load_examples(config)
    if not many:
        start_with_an_example(config, examples)
    question = ask_many(config, examples) if many else ask_one(config, examples)
    alone = len(chosen) == 1 and not many
    above, below = st.columns(2, gap="large") if alone else (st.container(), st.container())
    with below:
        offer_examples(config, examples, many)
    if question is None:
        return
    with above:
        answers = answer_texts(store, chosen, predictor, question)
        if answers and answers[0] is not None:
            draw_seen(first, question, answers[0])


def answer_texts(store: Store, chosen: Sequence[Chosen], predictor: Predictor, question: TextQuestion) -> list[Predictions | None]:
    """Asks and draws; None for a checkpoint that had no answer."""
    found: list[Predictions | None] = []

    def answer_of(one: Chosen) -> Predictions | None:
        run_id, step = one.run.run_id, one.checkpoint.step
        found.append(ask(store, one, lambda: predictor.predict_texts(run_id, step, question.texts, question.pairs)))
        return found[-1]

    if len(question.texts) == 1 and len(chosen) > 1:
        label = question.true_labels[0]
        beside(chosen, answer_of, lambda one, answer, odd: draw_one(label, answer, f"playground/bars/{one.key}", odd))
        return found
    answers = [(one, answer) for one in chosen if (answer := answer_of(one)) is not None]
    if len(chosen) > 1 and answers:
        draw_many_beside(question, [one.name for one, _answer in answers], [answer for _one, answer in answers])
        say_kept(answers[-1][1])
    elif answers and len(question.texts) == 1:
        draw_one(question.true_labels[0], answers[0][1])
    elif answers:
        draw_many(question, answers[0][1])
    return found


def go_on(chosen: Sequence[Chosen], predictor: Predictor) -> None:
    """A text and how each model goes on with it."""
    text = st.text_area(
        _("How it begins"), key="playground/begin", persist_state="session", placeholder=_("The first words of a text")
    )
    with st.grid(3, min_column_width=160):
        tokens = int(st.number_input(_("Tokens at most"), 1, 400, 40, key="playground/tokens-at-most"))
        temperature = st.slider(
            _("Temperature"), 0.0, 2.0, 0.0, 0.1, key="playground/temperature", help=_("0 takes the likeliest token.")
        )
        seed = int(st.number_input(_("Seed"), 0, 2**31 - 1, 0, key="playground/seed", help=_("Another one draws other words.")))
    if not (text or "").strip():
        st.caption(_("Type how a text begins: the model goes on with it."))
        return
    for one in chosen:
        try:
            with st.spinner(_("Asking {name}. The first answer waits for its model to load.").format(name=plain(one.run.name))):
                [said] = predictor.go_on(one.run.run_id, one.checkpoint.step, [str(text)], tokens, temperature, seed)
        except TrainerError as error:
            show_error(error)
            continue
        st.markdown(_("**It goes on**") if len(chosen) == 1 else f"**{plain(one.name)}**")
        st.text(said or _("(it ends here)"))


def choose_input(inputs: dict[str, str], key: str) -> str:
    """How the question is put."""
    return str(
        st.segmented_control(
            _("Ask with"),
            list(inputs),
            default=next(iter(inputs)),
            required=True,
            format_func=inputs.__getitem__,
            key=key,
            persist_state="session",
        )
    )
