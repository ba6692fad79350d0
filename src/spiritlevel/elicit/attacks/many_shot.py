"""The many-shot attack; its prose and source are in many_shot.md."""

from spiritlevel.elicit.attacks.prose import wrapper

wrap = wrapper("many_shot")
