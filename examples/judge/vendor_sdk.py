"""An app over the vendor's Python SDK, as a client for `loracle judge`.

    pip install 'novita-client==0.7.1' 'dataclass-wizard<1'
    loracle judge -- python vendor_sdk.py

The SDK uploads the images and starts the training. It has no call that waits for one, so the app polls until
the status is final, as public clients do.
"""

from __future__ import annotations

import os
import sys
import time
from io import BytesIO

from novita_client import NovitaClient
from novita_client.exceptions import NovitaError
from PIL import Image


def main() -> None:
    """Starts one training, and prints the name of its model."""
    client = NovitaClient(os.environ["LORACLE_API_KEY"], os.environ["LORACLE_URL"])
    image = BytesIO()
    Image.new("RGB", (64, 64), "grey").save(image, "JPEG")
    task_id = client.create_training_subject(
        name=f"avatar-{time.time_ns()}",
        base_model="v1-5-pruned-emaonly",
        images=[Image.open(image)],
        instance_prompt="photo of sks person",
        class_prompt="person",
        components=[],
    )
    while True:
        task = client.query_training_subject_status(task_id)
        if task.task_status in ("SUCCESS", "FAILED", "CANCELED"):
            break
        time.sleep(1)
    if task.task_status != "SUCCESS":
        sys.exit(f"the training is {task.task_status}")
    sys.stdout.write(f"{task.models[0].model_name}\n")


if __name__ == "__main__":
    try:
        main()
    except NovitaError as error:
        sys.exit(f"no model: {error}")
