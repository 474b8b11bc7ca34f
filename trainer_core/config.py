"""The one declaration of every hyperparameter: type, default, bounds, unit, scale and help.

The form, the command line, the MLflow params and the worker all read it from here. To add one, add a field and use it.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from trainer_core.language import gettext as _
from trainer_core.measures import MORE, main_metric, measured
from trainer_core.rules import NEWEST

Scale = Literal["linear", "log"]
Group = Literal["Run", "Data", "Model", "Adapter", "Training", "Optimiser", "Evaluation and checkpoints"]
Width = Annotated[int, Field(ge=1, le=65_536)]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Switch = Literal["off", "on"]
PICTURES = ("image_classification",)
TEXTS = ("label_token", "sequence_classification", "regression", "language_modelling", "chat")
CLASSIFIERS = ("image_classification", "label_token", "sequence_classification")
WRITERS = ("label_token", "language_modelling", "chat")
"""Tasks of models that write tokens; the other ones on texts have a head."""
COLUMNS = ("label_token", "sequence_classification", "regression", "language_modelling")
"""Tasks whose texts stand in a column; dialogues have forms of their own."""
TASKS = (*PICTURES, *TEXTS)
NETWORKS: Mapping[str, tuple[str, ...]] = {
    "image_classification": ("feed_forward", "cnn"),
    "label_token": ("small_gpt",),
    "sequence_classification": ("small_gpt",),
    "regression": ("small_gpt",),
    "language_modelling": ("small_gpt",),
    "chat": ("small_gpt",),
}
"""The models that Descent builds itself, by task. Texts also take a folder or a hub id."""


def setting(
    default: Any,
    label: str,
    help: str,
    when: str = "",
    *,
    group: Group,
    unit: str = "",
    scale: Scale = "linear",
    basic: int = 0,
    shown_if: Mapping[str, tuple[Any, ...]] | None = None,
    off: str = "",
    suggestions: tuple[str, ...] = (),
    **bounds: Any,
) -> Any:
    """Declares a hyperparameter.

    Args:
        default: The value that a config takes when none is given.
        label: The field's name for people.
        help: One sentence on what it does.
        when: One sentence on when to change it.
        group: The heading it stands under.
        unit: What a number counts, empty for a bare number.
        scale: How its values are spread; log for what is tried in factors.
        basic: Its place among those that a beginner sees at once, from 1; 0 is not one of them.
        shown_if: Other fields and the values of theirs that make this one matter.
        off: What an empty (None) or zero value means, where that is a meaning of its own.
        suggestions: Values to offer where any text is taken.
        bounds: pydantic's own (ge, gt, le, lt, min_length, max_length, allow_inf_nan).
    """
    face: dict[str, Any] = dict(
        label=label,
        when=when,
        group=group,
        unit=unit,
        scale=scale,
        basic=basic,
        shown_if=dict(shown_if or {}),
        off=off,
        suggestions=list(suggestions),
    )
    return Field(default, description=help, json_schema_extra={"face": face}, **bounds)


class TrainConfig(BaseModel):
    """Everything that decides what a run computes. Frozen; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    rules: tuple[str, ...] = NEWEST
    """No setting: the names of the rules that the run was launched with, see `rules`."""

    name: str = setting(
        "", "Name", "What the run is called.", "Left empty, it gets two words and a number.", group="Run", max_length=200
    )
    experiment: str = setting(
        "descent",
        "Experiment",
        "The MLflow experiment that the run belongs to.",
        "Give a series of runs its own when you want them apart.",
        group="Run",
        min_length=1,
        max_length=200,
    )
    task: Literal["image_classification", "label_token", "sequence_classification", "regression", "language_modelling", "chat"] = (
        setting(
            "image_classification",
            "Task",
            "What the model learns: the class of a picture; to write a label's token after a text; the class of a text, or one "
            "number, by a head; how texts go on; or to answer in dialogues and to call tools.",
            "label_token teaches how language models work, sequence_classification is what the field uses.",
            group="Data",
        )
    )

    dataset: str = setting(
        "digits",
        "Dataset",
        "For pictures “digits”, a folder with MNIST's four IDX files or a hub id; for texts “reviews” (synthetic), "
        "a folder with train.csv or a hub id; for dialogues “bookings” (synthetic), a folder with train.jsonl or a hub id.",
        "Name a folder to train without a network.",
        group="Data",
        min_length=1,
        max_length=4_000,
    )
    dataset_configuration: str = setting(
        "",
        "Configuration",
        "Which of a hub dataset's configurations is read.",
        "Name it when the hub says that there are several.",
        group="Data",
        off="the only one",
        max_length=200,
    )
    dataset_revision: str = setting(
        "",
        "Dataset revision",
        "The branch, tag or commit of a hub dataset.",
        "Give a commit to read the same rows for ever.",
        group="Data",
        off="main",
        max_length=200,
    )
    evaluation_split: Literal["validation", "test"] = setting(
        "validation",
        "Evaluate on",
        "The split that is measured during training.",
        "Choosing the best checkpoint by the test split makes the test figure look better than it is.",
        group="Data",
    )
    validation_share: float = setting(
        0.15,
        "Validation share",
        "The part of the rows held back for validation, drawn by class, where the data brings no validation split.",
        "Raise it when evaluation jumps about from one time to the next.",
        group="Data",
        shown_if={"evaluation_split": ("validation",)},
        gt=0,
        lt=0.9,
    )
    test_share: float = setting(
        0.15,
        "Test share",
        "The part of the rows held back for the final test, drawn by class, where the data brings no test split.",
        "Lower it when the rows are few.",
        group="Data",
        gt=0,
        lt=0.9,
    )
    text_column: str = setting(
        "text",
        "Text column",
        "The column that holds the text.",
        "Name it when the table calls it something else.",
        group="Data",
        shown_if={"task": COLUMNS},
        min_length=1,
        max_length=200,
    )
    pair_column: str = setting(
        "",
        "Second text column",
        "The column with the other half of a pair of texts.",
        "Leave it empty when a row is one text.",
        group="Data",
        off="none",
        shown_if={"task": ("sequence_classification", "regression")},
        max_length=200,
    )
    label_column: str = setting(
        "label",
        "Label column",
        "The column that holds the label.",
        "Name it when the table calls it something else.",
        group="Data",
        shown_if={"task": COLUMNS},
        min_length=1,
        max_length=200,
    )
    label_names: tuple[Word, ...] = setting(
        (),
        "Label names",
        "What the labels are called, in the order of their numbers.",
        "Give them when the data has 0 and 1; empty takes the data's own.",
        group="Data",
        off="the data's own",
        shown_if={"task": COLUMNS},
        max_length=1_000,
    )
    missing_labels: Literal["auto", "missing", "class"] = setting(
        "auto",
        "Labels such as None",
        "Whether a label nan, None, null or NA, in any case, is a class or means that the label is missing; auto takes it for a "
        "class where a tenth of the rows or more says so beside labels that are words.",
        "Choose class when None is an answer, as in “no side effect”. A saved dataset has decided already.",
        group="Data",
        shown_if={"task": ("label_token", "sequence_classification")},
    )
    data_format: Literal["auto", "context", "messages", "sharegpt", "instruction", "dialogue"] = setting(
        "auto",
        "Form of the dialogues",
        "How a row tells a dialogue: the course's context and response, OpenAI's messages, ShareGPT's conversations, a question "
        "and its answer, or Descent's own dialogue.",
        "Name it when a folder holds several; auto takes the first of them that is there.",
        group="Data",
        shown_if={"task": ("chat",)},
    )
    class_weights: Literal["none", "balanced"] = setting(
        "none",
        "Class weights",
        "balanced makes each class count the same in the loss, however rare.",
        "Choose balanced when one class has most of the rows and the others are missed.",
        group="Data",
        shown_if={"task": CLASSIFIERS},
    )
    input_mean: float = setting(
        0.5,
        "Input mean",
        "Subtracted from each pixel (0 to 1).",
        "Use the mean of the training pixels.",
        group="Data",
        shown_if={"task": PICTURES},
        ge=0,
        le=1,
    )
    input_std: float = setting(
        0.5,
        "Input standard deviation",
        "Each pixel is divided by it after the mean is taken off.",
        "Use the standard deviation of the training pixels.",
        group="Data",
        shown_if={"task": PICTURES},
        gt=0,
        le=10,
    )

    model: str = setting(
        "feed_forward",
        "Model",
        "For pictures feed_forward or cnn; for texts small_gpt (built here from scratch), a folder with a model, or a hub id.",
        "Choose cnn for pictures when accuracy matters more than speed, and a trained model for texts.",
        group="Model",
        suggestions=("feed_forward", "cnn", "small_gpt", "gpt2"),
        min_length=1,
        max_length=4_000,
    )
    model_revision: str = setting(
        "",
        "Model revision",
        "The branch, tag or commit of a hub model.",
        "Give a commit to start from the same weights for ever.",
        group="Model",
        off="main",
        shown_if={"task": TEXTS},
        max_length=200,
    )
    hidden_sizes: tuple[Width, ...] = setting(
        (128,),
        "Hidden sizes",
        "The number of units in each hidden layer, from input to output.",
        "Make them larger when training loss stays high.",
        group="Model",
        unit="units",
        basic=6,
        shown_if={"model": ("feed_forward",)},
        max_length=16,
    )
    channels: tuple[Width, ...] = setting(
        (16, 32),
        "Channels",
        "The number of channels of each convolution; each is followed by halving the picture.",
        "Make them larger when training loss stays high.",
        group="Model",
        unit="channels",
        shown_if={"model": ("cnn",)},
        min_length=1,
        max_length=6,
    )
    activation: Literal["relu", "gelu", "silu", "tanh", "none"] = setting(
        "relu",
        "Activation",
        "The function between layers.",
        "none makes the whole network one linear map: a good lesson.",
        group="Model",
        shown_if={"model": ("feed_forward", "cnn")},
    )
    dropout: float = setting(
        0.0,
        "Dropout",
        "The share of units switched off at random in each training step.",
        "Raise it when evaluation loss rises while training loss falls.",
        group="Model",
        shown_if={"model": ("feed_forward", "cnn", "small_gpt")},
        ge=0,
        lt=1,
    )
    width: Width = setting(
        64,
        "Width",
        "The size of each token's vector in a model built here.",
        "Make it larger when training loss stays high; a multiple of the heads.",
        group="Model",
        unit="units",
        scale="log",
        shown_if={"model": ("small_gpt",)},
    )
    layers: int = setting(
        2,
        "Layers",
        "The number of transformer blocks in a model built here.",
        "More layers see further combinations and take longer.",
        group="Model",
        unit="layers",
        shown_if={"model": ("small_gpt",)},
        ge=1,
        le=200,
    )
    heads: int = setting(
        4,
        "Heads",
        "The number of attention heads in a model built here.",
        "The width must be a multiple of it.",
        group="Model",
        unit="heads",
        shown_if={"model": ("small_gpt",)},
        ge=1,
        le=256,
    )
    vocabulary_size: int = setting(
        2_000,
        "Vocabulary",
        "The tokens that the tokenizer of a model built here learns from the training texts; 256 of them are bytes.",
        "Raise it when there are many texts; a rare token is learnt badly.",
        group="Model",
        unit="tokens",
        scale="log",
        shown_if={"model": ("small_gpt",)},
        ge=300,
        le=500_000,
    )
    max_length: int = setting(
        128,
        "Max length",
        "The tokens of a text that the model reads; of a longer one the end is kept, of a long dialogue the latest turns.",
        "Raise it when the preview says that many texts are cut; memory and time grow with it.",
        group="Model",
        unit="tokens",
        scale="log",
        basic=6,
        shown_if={"task": TEXTS},
        ge=2,
        le=1_000_000,
    )
    adapter: Literal["none", "lora", "qlora"] = setting(
        "none",
        "Adapter",
        "none trains all weights; lora small matrices beside them; qlora the same over 4-bit weights.",
        "Choose lora when the model is large: less memory, and a checkpoint of megabytes.",
        group="Adapter",
        shown_if={"task": TEXTS},
    )
    lora_rank: int = setting(
        8,
        "Rank",
        "The width of the adapter's matrices.",
        "Raise it when the adapter learns too little.",
        group="Adapter",
        scale="log",
        shown_if={"adapter": ("lora", "qlora")},
        ge=1,
        le=4_096,
    )
    lora_alpha: int = setting(
        32,
        "Alpha",
        "The adapter's weight: what it adds is multiplied by alpha divided by rank.",
        "Two to four times the rank is usual.",
        group="Adapter",
        scale="log",
        shown_if={"adapter": ("lora", "qlora")},
        ge=1,
        le=65_536,
    )
    lora_dropout: float = setting(
        0.1,
        "Adapter dropout",
        "The share of the adapter's inputs switched off at random in each training step.",
        "Raise it when evaluation loss rises while training loss falls.",
        group="Adapter",
        shown_if={"adapter": ("lora", "qlora")},
        ge=0,
        lt=1,
    )
    lora_targets: tuple[Word, ...] = setting(
        (),
        "Adapted layers",
        "The names of the layers that get an adapter.",
        "Empty takes those usual for the architecture.",
        group="Adapter",
        off="usual for the architecture",
        shown_if={"adapter": ("lora", "qlora")},
        max_length=64,
    )

    epochs: int = setting(
        5,
        "Epochs",
        "How often training passes over all rows.",
        "Raise it while evaluation still improves at the end.",
        group="Training",
        unit="epochs",
        basic=1,
        ge=1,
        le=100_000,
    )
    max_steps: int | None = setting(
        None,
        "Steps at most",
        "Ends training after this many steps, whatever the epochs say.",
        "Set it for a quick trial.",
        group="Training",
        unit="steps",
        off="no limit",
        ge=1,
        le=100_000_000,
    )
    batch_size: int = setting(
        64,
        "Batch size",
        "How many rows are computed at once.",
        "Halve it when memory runs out; double it, and the learning rate, when there is room.",
        group="Training",
        unit="rows",
        scale="log",
        basic=2,
        ge=1,
        le=1_000_000,
    )
    eval_batch_size: int = setting(
        512,
        "Evaluation batch size",
        "How many rows are computed at once in evaluation.",
        "Changes speed and memory, never the result.",
        group="Training",
        unit="rows",
        scale="log",
        ge=1,
        le=1_000_000,
    )
    accumulation_steps: int = setting(
        1,
        "Accumulation steps",
        "How many batches are added up before each step of the optimiser.",
        "Raise it to train with a larger effective batch than memory holds.",
        group="Training",
        unit="batches",
        scale="log",
        ge=1,
        le=100_000,
    )
    padding: Literal["auto", "longest", "fixed"] = setting(
        "auto",
        "Padding",
        "auto lays texts end to end where the model can read them so, else fills a batch up to its longest text; longest always "
        "does that; fixed fills up to max length.",
        "fixed is the course's; auto is the fastest, and all give the same result.",
        group="Training",
        shown_if={"task": TEXTS},
    )
    group_by_length: Switch = setting(
        "off",
        "Group by length",
        "Puts texts of similar length into one batch, so that less padding is computed.",
        "on is faster; the order of the texts, and so the result, is another.",
        group="Training",
        shown_if={"task": TEXTS},
    )
    activation_checkpointing: Switch = setting(
        "off",
        "Activation checkpointing",
        "Computes activations twice in place of keeping them.",
        "Turn it on when memory runs out; training takes about a third longer.",
        group="Training",
        shown_if={"task": TEXTS},
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = setting(
        "auto",
        "Precision",
        "The number format of the computation; auto takes bf16 on a GPU that has it, else fp32.",
        "fp32 for results to compare exactly; fp16 needs an NVIDIA GPU. Without a GPU bf16 is faster only on processors that have "
        "instructions for it: AMX, AVX-512 BF16 or ARM's.",
        group="Training",
    )
    seed: int = setting(
        42,
        "Seed",
        "Decides initial weights, shuffling and dropout.",
        "Run with three seeds before you believe a small difference.",
        group="Training",
        ge=0,
        le=2**31 - 1,
    )
    label_smoothing: float = setting(
        0.0,
        "Label smoothing",
        "The share of certainty taken from the right class and spread over all, in training only.",
        "Try 0.1 when the model is sure of its mistakes.",
        group="Training",
        shown_if={"task": CLASSIFIERS},
        ge=0,
        lt=1,
    )

    optimizer: Literal["sgd", "momentum", "nesterov", "adam", "adamw", "adagrad", "adadelta", "rmsprop", "rprop"] = setting(
        "adamw",
        "Optimiser",
        "The rule that turns gradients into steps.",
        "adamw is a safe start; sgd is the plainest.",
        group="Optimiser",
        basic=4,
    )
    learning_rate: float = setting(
        1e-3,
        "Learning rate",
        "The size of each step.",
        "Halve it when the loss jumps; double it when the loss falls slowly and smoothly.",
        group="Optimiser",
        scale="log",
        basic=3,
        gt=0,
        allow_inf_nan=False,
    )
    momentum: float = setting(
        0.9,
        "Momentum",
        "How much of the last step goes into the next.",
        "Lower it when the loss swings.",
        group="Optimiser",
        shown_if={"optimizer": ("momentum", "nesterov", "rmsprop")},
        ge=0,
        lt=1,
    )
    weight_decay: float = setting(
        0.0,
        "Weight decay",
        "Pulls weights towards zero at each step; biases are left alone.",
        "Raise it when evaluation loss rises while training loss falls.",
        group="Optimiser",
        scale="log",
        ge=0,
        le=10,
    )
    max_grad_norm: float = setting(
        1.0,
        "Gradient clipping",
        "Scales a gradient down to this norm when it is longer.",
        "Lower it when single steps throw the loss off.",
        group="Optimiser",
        off="0: no clipping",
        ge=0,
        le=1e6,
    )
    schedule: Literal["constant", "linear", "cosine", "step"] = setting(
        "constant",
        "Schedule",
        "How the learning rate changes over the run.",
        "linear or cosine end lower, which often helps the last point of accuracy.",
        group="Optimiser",
        basic=5,
    )
    warmup_ratio: float = setting(
        0.0,
        "Warm-up",
        "The share of all steps over which the learning rate rises from zero.",
        "Try 0.05 when the first steps are wild.",
        group="Optimiser",
        ge=0,
        le=1,
    )
    step_size: int = setting(
        1,
        "Step size",
        "After this many epochs the learning rate is multiplied by gamma.",
        "A third of the epochs is usual.",
        group="Optimiser",
        unit="epochs",
        shown_if={"schedule": ("step",)},
        ge=1,
        le=100_000,
    )
    step_gamma: float = setting(
        0.1,
        "Gamma",
        "The factor of the step schedule.",
        "0.1 is harsh, 0.5 gentle.",
        group="Optimiser",
        shown_if={"schedule": ("step",)},
        gt=0,
        le=1,
    )

    eval_steps: int | None = setting(
        None,
        "Evaluate every",
        "How many steps lie between evaluations.",
        "Set it when an epoch is long.",
        group="Evaluation and checkpoints",
        unit="steps",
        off="after each epoch",
        ge=1,
        le=100_000_000,
    )
    logging_steps: int = setting(
        10,
        "Log every",
        "How many steps lie between points of the training curves.",
        "1 shows every step.",
        group="Evaluation and checkpoints",
        unit="steps",
        scale="log",
        ge=1,
        le=100_000_000,
    )
    save_steps: int | None = setting(
        None,
        "Save every",
        "How many steps lie between checkpoints; the best one is kept whatever this says.",
        "Lower it when losing the work since the last one would hurt.",
        group="Evaluation and checkpoints",
        unit="steps",
        off="after each epoch",
        ge=1,
        le=100_000_000,
    )
    checkpoints_kept: int = setting(
        2,
        "Checkpoints kept",
        "How many of the latest checkpoints stay on disk beside the best.",
        "Raise it to compare stages of one run.",
        group="Evaluation and checkpoints",
        unit="checkpoints",
        ge=1,
        le=10_000,
    )
    measures: tuple[Word, ...] = setting(
        (),
        "More measures",
        "Measured beside loss, accuracy and macro F1: balanced_accuracy, mcc, roc_auc, log_loss, f1_per_class.",
        "Add balanced_accuracy or mcc when classes are uneven, roc_auc and log_loss when probabilities matter.",
        group="Evaluation and checkpoints",
        off="none",
        shown_if={"task": CLASSIFIERS},
        max_length=20,
    )
    written_turns: int = setting(
        64,
        "Turns written",
        "How many of the evaluated split's turns the model writes itself at each evaluation; at the end all of the test split.",
        "Raise it when slot F1 jumps about; lower it when evaluations take long.",
        group="Evaluation and checkpoints",
        unit="turns",
        scale="log",
        shown_if={"task": ("chat",)},
        ge=1,
        le=1_000_000,
    )
    written_tokens: int = setting(
        128,
        "Tokens a turn",
        "How long a turn may get that the model writes in an evaluation.",
        "Raise it when answers are cut off.",
        group="Evaluation and checkpoints",
        unit="tokens",
        scale="log",
        shown_if={"task": ("chat",)},
        ge=1,
        le=100_000,
    )
    best_metric: Literal[
        "auto",
        "eval/accuracy",
        "eval/f1_macro",
        "eval/loss",
        "eval/balanced_accuracy",
        "eval/mcc",
        "eval/roc_auc",
        "eval/log_loss",
        "eval/rmse",
        "eval/mae",
        "eval/r2",
        "eval/perplexity",
        "eval/slot_f1",
        "eval/exact_match",
        "eval/bleu4",
    ] = setting(
        "auto",
        "Best by",
        "The measure that decides which checkpoint is kept as the best; auto takes accuracy, RMSE, perplexity, or of a chat model "
        "the F1 of slots, and its loss where no dialogue has a search.",
        "f1_macro counts every class the same, however rare.",
        group="Evaluation and checkpoints",
    )
    early_stopping_patience: int = setting(
        0,
        "Early stopping",
        "Ends the run after this many evaluations without a better one.",
        "Set 3 to 5 when you give many epochs.",
        group="Evaluation and checkpoints",
        unit="evaluations",
        off="0: never",
        ge=0,
        le=100_000,
    )

    @model_validator(mode="after")
    def _shares_leave_rows(self) -> Self:
        if self.evaluation_split == "validation" and self.validation_share + self.test_share >= 1:
            raise _misfit(
                "validation_share",
                _("validation_share and test_share add up to 1 or more: nothing is left to train on. Lower one."),
            )
        return self

    @model_validator(mode="after")
    def _model_fits_task(self) -> Self:
        known = NETWORKS[self.task]
        if self.model not in known and (self.task in PICTURES or self.model in NETWORKS["image_classification"]):
            more = "" if self.task in PICTURES else _(", a folder with a model, or a hub id")
            raise _misfit(
                "model",
                _("Model (model) is “{model}”, which does not do {task}. It takes {known}{more}.").format(
                    model=self.model, task=self.task, known=_(" or ").join(known), more=more
                ),
            )
        if self.model == "small_gpt" and self.adapter != "none":
            raise _misfit(
                "adapter",
                _(
                    "Adapter (adapter) is {adapter}, and small_gpt has no trained weights to adapt. "
                    "Choose none, or a trained model."
                ).format(adapter=self.adapter),
            )
        if self.model == "small_gpt" and self.width % self.heads:
            raise _misfit(
                "width",
                _("Width (width) is {width}, no multiple of the {heads} heads. Give one, such as {fit}.").format(
                    width=self.width, heads=self.heads, fit=max(1, round(self.width / self.heads)) * self.heads
                ),
            )
        if self.model == "small_gpt" and self.task == "chat" and self.width % (2 * self.heads):
            raise _misfit(
                "width",
                _(
                    "Width (width) is {width}; a chat model's is an even multiple of its {heads} heads, since positions are "
                    "turned in pairs. Give one, such as {fit}."
                ).format(width=self.width, heads=self.heads, fit=max(1, round(self.width / (2 * self.heads))) * 2 * self.heads),
            )
        return self

    @model_validator(mode="after")
    def _measures_fit_task(self) -> Self:
        unknown = [name for name in self.measures if name not in MORE]
        if unknown:
            raise _misfit(
                "measures",
                _("More measures (measures) has “{name}”; it takes {known}.").format(name=unknown[0], known=", ".join(MORE)),
            )
        there = measured(self.task, self.measures)
        if self.best_metric != "auto" and self.best_metric not in there:
            hint = _(" Add {name} to measures.").format(name=self.best_metric.removeprefix("eval/"))
            raise _misfit(
                "best_metric",
                _("Best by (best_metric) is {metric}, which a run like this does not measure. It takes auto, {there}.").format(
                    metric=self.best_metric, there=", ".join(there)
                )
                + (hint if self.best_metric.removeprefix("eval/") in MORE and self.task in CLASSIFIERS else ""),
            )
        return self

    @property
    def best_by(self) -> str:
        """The metric that decides which checkpoint is the best, `auto` resolved.

        Whether a chat model's dialogues have searches only the data tell: `Prepared.best_by` has the last word there. A run
        launched before there was the rule `best` keeps by accuracy, or by the loss where there are no classes.
        """
        if self.best_metric != "auto":
            return self.best_metric
        if "best" in self.rules:
            return main_metric(self.task)
        return "eval/accuracy" if self.task in CLASSIFIERS else "eval/loss"

    @property
    def effective_batch_size(self) -> int:
        """Rows that go into one step of the optimiser."""
        return self.batch_size * self.accumulation_steps


def _misfit(field: str, sentence: str) -> PydanticCustomError:
    return PydanticCustomError("misfit", "{sentence}", {"field": field, "sentence": sentence})
