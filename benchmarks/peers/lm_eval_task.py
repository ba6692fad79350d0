"""lm-evaluation-harness on the questions of benchmarks/multiple_choice.py: one line of JSON for each repeat."""

import json
import sys
import time

from lm_eval import simple_evaluate
from lm_eval.api.task import ConfigurableTask
from lm_eval.models.huggingface import HFLM

folder, questions, dtype, batch, repeats = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
model = HFLM(pretrained=folder, dtype=dtype, batch_size=batch, device="cpu")
print("ready", flush=True)
for _ in range(repeats):
    sys.stdin.readline()  # our turn is over
    task = ConfigurableTask(
        config={
            "task": "questions",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": questions},
            "test_split": "train",
            "output_type": "multiple_choice",
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "{{answer}}",
        }
    )
    began, busy = time.perf_counter(), time.process_time()
    found = simple_evaluate(model=model, tasks=[task], bootstrap_iters=0, verbosity="ERROR")
    seconds, work = time.perf_counter() - began, time.process_time() - busy
    print(json.dumps({"seconds": seconds, "cpu": work, "acc": found["results"]["questions"]["acc,none"]}), flush=True)
