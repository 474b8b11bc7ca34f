"""The parts that an exported script is put together from. Each does what the worker does, in as few lines as can be read.

`{names}` are filled in from the run's settings; a part that a run does not need is left out.
"""

from trainer_core.config import TrainConfig
from trainer_core.settings import format_number

PICTURES = '''
def load(split):
    """Pixels as the model reads them, float32 [rows, 1, height, width], and labels."""
    rows = data[split]
    pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in rows["image"]]))
    return pixels.to(torch.float32).div_(255).sub_({mean}).div_({std}).unsqueeze(1), torch.tensor(rows["label"])


class Rows(Dataset):
    def __init__(self, split):
        self.pixels, self.labels = load(split)

    def __len__(self):
        return len(self.labels)

    def __getitems__(self, rows):
        return {{"pixels": self.pixels[rows], "labels": self.labels[rows]}}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
{layers}
        )

    def forward(self, pixels):
        return {{"logits": self.layers(pixels)}}
'''

SMALL_GPT_TOKENIZER = """
backend = tokenizers.Tokenizer(tokenizers.models.BPE())  # learnt from the training texts
backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
backend.train_from_iterator({texts}, tokenizers.trainers.BpeTrainer(
    vocab_size={vocabulary_size}, special_tokens=["<pad>", "<eos>"], show_progress=False,
    initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()))
tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>")
"""

SMALL_GPT = """
model = {kind}(GPT2Config(
    vocab_size=len(tokenizer), n_positions={max_length} + 2, n_embd={width}, n_layer={layers}, n_head={heads},
    resid_pdrop={dropout}, embd_pdrop={dropout}, attn_pdrop={dropout}, bos_token_id=tokenizer.eos_token_id,
    eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id{classes}))
"""

OWN_TOKENIZER = """
tokenizer = AutoTokenizer.from_pretrained(MODEL{revision})
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token or tokenizer.sep_token
"""

OWN_MODEL = """
model = {kind}.from_pretrained(MODEL{revision}, dtype="float32", use_safetensors=True{classes})
if model.config.pad_token_id is None:
    model.config.pad_token_id = tokenizer.pad_token_id
"""

_FUSED = """
runpy.run_path(str(HERE / "kernels.py"))["use_fused"](model)  # attention text by text and GELU at once, as the run had them
"""

KERNELS = {
    "fused": _FUSED,
    "mixed": _FUSED,
    "onednn": """
runpy.run_path(str(HERE / "kernels.py"))["use_onednn"](model)  # large products by oneDNN, as the run had them
""",
    "bf16": """
if not runpy.run_path(str(HERE / "kernels.py"))["use_bf16"](model):  # large products in bf16, as the run had them
    raise SystemExit("The run multiplied in bf16, which needs a processor with AMX: this one has none.")
""",
    "rounded": """
runpy.run_path(str(HERE / "kernels.py"))["use_rounded"](model)  # products of numbers rounded to bf16, as the run had them
""",
}
"""How a model is computed on a CPU, by the name that the checkpoint keeps of it."""

NARROW = """NARROW = {layers}
at_places = runpy.run_path(str(HERE / "places.py"))["at_places"]
"""

LABEL_TOKENS = """
tokenizer.add_tokens({added}, special_tokens=True)
if len(tokenizer) > model.get_input_embeddings().num_embeddings:
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
"""

ADAPTER = """
model = get_peft_model(model, LoraConfig(
    task_type="{task_type}", r={r}, lora_alpha={alpha}, lora_dropout={dropout}, target_modules={targets},
    modules_to_save={saved}, trainable_token_indices={tokens}))
"""

TEXTS = '''
class Rows(Dataset):
    """Texts as tokens; of one that is too long the end is kept."""

    def __init__(self, split):
{kept}        self.tokens = tokenizer(list(data[split]["text"]), add_special_tokens=False)["input_ids"]
{pairs}
    def __len__(self):
        return len(self.tokens)

{row}

    def __getitems__(self, rows):
{batch}
'''

BATCH = """        ids = [self.row(index) for index in rows]
        width = {width}
        return {{
            "input_ids": torch.tensor([row + [tokenizer.pad_token_id] * (width - len(row)) for row in ids]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids]),{types}
            "labels": {labels}}}"""

ENDS = """
            "ends": torch.tensor([place * width + len(row) - 1 for place, row in enumerate(ids)]),"""

BATCH_PACKED = """        lines, ends = [([], [])], [(0, 0)] * len(rows)  # texts lie end to end, so that none is padded
        for place, ids in {order}:
            if lines[-1][0] and len(lines[-1][0]) + len(ids) > {line}:
                lines.append(([], []))
            lines[-1][0].extend(ids)
            lines[-1][1].extend(range(len(ids)))
            ends[place] = len(lines) - 1, len(lines[-1][0]) - 1
        width = -(-max(len(ids) for ids, _places in lines) // {round}) * {round}
        return {{
            "labels": {labels},
            "input_ids": torch.tensor([ids + [tokenizer.pad_token_id] * (width - len(ids)) for ids, _places in lines]),
            "position_ids": torch.tensor([places + [0] * (width - len(places)) for _ids, places in lines]),
            "ends": torch.tensor([line * width + end for line, end in ends])}}"""

IN_ORDER = "enumerate(map(self.row, rows))"
LONGEST_FIRST = f"sorted({IN_ORDER}, key=lambda one: -len(one[1]))"

ROW = """    def row(self, index):
        return ({before} + self.tokens[index][-{room}:] + {after})[-{max_length}:]"""

PAIRS = """        self.others = tokenizer(list(data[split]["pair"]), add_special_tokens=False)["input_ids"]
"""

ROW_PAIR = """    def row(self, index):
        first, second = self.halves(index)
        return (first + second)[-{max_length}:]

    def halves(self, index):
        text, other, room = self.tokens[index], self.others[index], {room}
        second = min(len(other), max(room // 2, room - len(text)))  # the longer text gives way first
        text, other = text[max(0, len(text) - room + second):], other[len(other) - second:]
        return {before} + text + {between}, other + {after}"""

TYPES = """
            "token_type_ids": torch.tensor([
                [0] * len(self.halves(i)[0]) + [1] * (len(row) - len(self.halves(i)[0])) + [0] * (width - len(row))
                for i, row in zip(rows, ids)]),"""

LOSS = """
class OneLoss(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
{loss}{share}
        return (loss, {{"logits": {outputs}}}) if return_outputs else loss
"""

SHARE = """
        if num_items_in_batch is not None and model.training:
            loss = loss * ({items} / max(1.0, num_items_in_batch))  # its share of the step's"""

COUNTED = """
    def get_batch_samples(self, epoch_iterator, num_batches, device):
        batches = [batch for _, batch in zip(range(num_batches), epoch_iterator)]
        return batches, sum({items} for labels in (batch["labels"] for batch in batches))
"""

MEAN_LOSS = """
    def evaluation_loop(self, *given, metric_key_prefix="eval", **named):
        output = super().evaluation_loop(*given, metric_key_prefix=metric_key_prefix, **named)
        loss, tokens = output.predictions.astype("float64").sum(axis=0)
        output.metrics[f"{metric_key_prefix}_loss"] = float(loss / tokens)  # of all tokens: batches hold unlike many
        return output
"""

LOSS_CLASSES = """        logits = model(**inputs)["logits"]
        loss = functional.cross_entropy(logits.float(), labels{more})"""

LOSS_WRITTEN = """        ends = inputs.pop("ends")  # where each text ends, and its label would be written
        # The head is run there alone: everywhere else it would be for nothing.
        hook = model.get_output_embeddings().register_forward_pre_hook(lambda _, given: (given[0].flatten(0, 1)[ends][:, None],))
        logits = model(**inputs, use_cache=False)["logits"][:, 0]
        hook.remove()
        loss = functional.cross_entropy(logits.float(), torch.tensor(LABEL_TOKENS)[labels]{more})"""

LOSS_NARROW = """        ends = inputs.pop("ends")  # where each text ends, and its label would be written
        # The head and what follows the last attention are run there alone: everywhere else it would be for nothing.
        with at_places(model, [model.get_submodule(name) for name in NARROW], ends):
            logits = model(**inputs, use_cache=False)["logits"][0]
        loss = functional.cross_entropy(logits.float(), torch.tensor(LABEL_TOKENS)[labels]{more})"""

LOSS_NUMBER = """        logits = model(**inputs)["logits"]
        loss = functional.mse_loss(logits.float().squeeze(-1), (labels.float() - MEAN) / STD)"""

LOSS_CONTINUED = """        logits = model(**inputs)["logits"]
        said, wanted = logits[:, :-1].float(), labels[:, 1:]
        loss = functional.cross_entropy(said.reshape(-1, said.shape[-1]), wanted.reshape(-1), ignore_index=-100)
        each = functional.cross_entropy(said.transpose(1, 2), wanted, ignore_index=-100, reduction="none")
        sums = torch.stack([each.sum(dim=1), (wanted != -100).sum(dim=1).float()], dim=1)"""

ROW_ENDED = """    def row(self, index):
        return ({before} + self.tokens[index][-{room}:] + [tokenizer.eos_token_id])[-{most}:]"""

GROUPED = '''
    def _get_train_sampler(self, train_dataset=None):
        return ByLength()


class ByLength(Sampler):
    """Shuffles, cuts into pools of fifty batches, sorts each by length, then shuffles the batches."""

    def __len__(self):
        return len(train)

    def __iter__(self):
        lengths = np.array([len(train.row(index)) for index in range(len(train))])
        draw = np.random.default_rng(({seed}, int(trainer.state.global_step) // steps_per_epoch))
        order, pool = draw.permutation(len(lengths)), 50 * {batch_size}
        parts = [part[np.argsort(-lengths[part], kind="stable")] for part in np.split(order, range(pool, len(order), pool))]
        batches = [part[start:start + {batch_size}] for part in parts for start in range(0, len(part), {batch_size})]
        full = [batch for batch in batches if len(batch) == {batch_size}]
        rest = [batch for batch in batches if len(batch) < {batch_size}]
        yield from (int(i) for batch in [full[j] for j in draw.permutation(len(full))] + rest for i in batch)
'''

OPTIMISERS = {
    "sgd": "torch.optim.SGD({groups}, lr={rate})",
    "momentum": "torch.optim.SGD({groups}, lr={rate}, momentum={momentum})",
    "nesterov": "torch.optim.SGD({groups}, lr={rate}, momentum={momentum}, nesterov={nesterov})",
    "adam": "torch.optim.Adam({groups}, lr={rate}, fused=True)",
    "adamw": "torch.optim.AdamW({groups}, lr={rate}, weight_decay=0.0, fused=True)",
    "adagrad": "torch.optim.Adagrad({groups}, lr={rate})",
    "adadelta": "torch.optim.Adadelta({groups}, lr={rate})",
    "rmsprop": "torch.optim.RMSprop({groups}, lr={rate}, momentum={momentum})",
    "rprop": "torch.optim.Rprop([weight for weight in model.parameters() if weight.requires_grad], lr={rate})",
}

ONE_GROUP = "groups = [weight for weight in model.parameters() if weight.requires_grad]"
GROUPS = """
weights = [weight for weight in model.parameters() if weight.requires_grad]
groups = [{{"params": [w for w in weights if w.ndim >= 2], "weight_decay": {decay}}},
          {{"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0}}]
"""

SCHEDULES = {
    "constant": "1.0",
    "linear": "max(0.0, 1.0 - (step - warmup) / max(1, total - warmup))",
    "cosine": "0.5 * (1.0 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))",
    "step": "{gamma} ** (step // ({size} * steps_per_epoch))",
}

BEST = '''
class KeepBest(TrainerCallback):
    """Evaluates every {every} and at the end, and keeps the weights of the best evaluation."""

    best, step, figures, weights{since} = -math.inf, 0, {{}}, {{}}{zero}

    def on_step_end(self, args, state, control, **more):
        last = state.global_step >= state.max_steps
        control.should_evaluate, control.should_training_stop = last or state.global_step % {steps} == 0, last

    def on_evaluate(self, args, state, control, metrics, model, **more):
        score = {sign}metrics["{metric}"]
        if score > self.best:
            self.best, self.step, self.figures{since_self} = score, state.global_step, dict(metrics){zero}
            self.weights = {{name: weight.clone() for name, weight in model.state_dict().items()}}{stop}
'''

STOP = """
        else:
            self.since += 1
            control.should_training_stop |= self.since >= {patience}"""

MEASURE = """
def measure(evaluated):
    predicted, labels = evaluated.predictions.argmax(axis=-1), evaluated.label_ids
    return {{"accuracy": float((predicted == labels).mean()){more}}}
"""

MEASURE_NUMBER = """
def measure(evaluated):
    wrong = evaluated.label_ids.astype("float64") - evaluated.predictions.reshape(-1).astype("float64")
    return {"rmse": float((wrong**2).mean() ** 0.5)}
"""

MEASURE_CONTINUED = """
def measure(evaluated):
    loss, tokens = evaluated.predictions.astype("float64").sum(axis=0)
    return {"perplexity": math.exp(loss / tokens)}
"""

MEASURE_F1 = ',\n            "f1_macro": float(f1_score(labels, predicted, average="macro", zero_division=0.0))'

TRAIN = """
best = KeepBest()
trainer = OneLoss(
    model=model, train_dataset=train, eval_dataset=Rows("{evaluated}"), data_collator=lambda batch: batch, callbacks=[best],
    compute_metrics=measure, optimizers=(optimizer, schedule), args=TrainingArguments(
        output_dir=str(HERE / "out"), per_device_train_batch_size={batch_size}, per_device_eval_batch_size={eval_batch_size},
        gradient_accumulation_steps={accumulation}, num_train_epochs={epochs}, max_steps={max_steps}, max_grad_norm={norm},
        seed=SEED, use_cpu=True, label_names=["labels"], eval_strategy="no", save_strategy="no", logging_strategy="no",
        remove_unused_columns=False, dataloader_pin_memory=False, report_to="none", disable_tqdm=True{more}))
trainer.loss_is_scaled_for_ga = {scaled}
trainer.train()
"""

END = """
model.load_state_dict(best.weights)
figures = {f"eval/{name}": best.figures[f"eval_{name}"] for name in MEASURED}
"""

TEST = """tested = trainer.predict(Rows("test"), metric_key_prefix="test").metrics
figures |= {f"test/{name}": tested[f"test_{name}"] for name in MEASURED}
"""

WRITE = """answers = trainer.predict(trainer.eval_dataset).predictions{answer}
print(f"best at step {{best.step}}: " + "  ".join(f"{{name}} {{value:.4f}}" for name, value in figures.items()))
(HERE / "figures.json").write_text(json.dumps({{"step": best.step, "figures": figures, "predictions": answers.tolist()}}))
"""


def optimiser(config: TrainConfig) -> str:
    """The lines that make the optimiser and its schedule."""
    rate, momentum = format_number(config.learning_rate), format_number(config.momentum)
    made = OPTIMISERS[config.optimizer].format(groups="groups", rate=rate, momentum=momentum, nesterov=config.momentum > 0)
    factor = SCHEDULES[config.schedule].format(gamma=format_number(config.step_gamma), size=config.step_size)
    groups = GROUPS.format(decay=format_number(config.weight_decay)).strip("\n") if config.weight_decay else ONE_GROUP
    lines = [*([] if config.optimizer == "rprop" else [groups]), f"optimizer = {made}"]
    if config.warmup_ratio:
        warmup = format_number(config.warmup_ratio)
        lines.append(f"total = {config.max_steps or f'{config.epochs} * steps_per_epoch'}")
        lines.append(f"warmup = math.ceil({warmup} * total)")
        factor = f"(step + 1) / (warmup + 1) if step < warmup else {factor}"
    elif "total" in factor:
        lines.append(f"total = {config.max_steps or f'{config.epochs} * steps_per_epoch'}")
        factor = factor.replace("(step - warmup) / max(1, total - warmup)", "step / max(1, total)")
    line = f"schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: {factor})"
    lines.append(line if len(line) < 130 else line.replace("lambda step: ", "lambda step:\n    "))
    return "\n".join(lines) + "\n"
