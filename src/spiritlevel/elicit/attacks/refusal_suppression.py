"""The refusal suppression attack; its prose and source are in refusal_suppression.md."""

from spiritlevel.elicit.attacks.prose import wrapper

wrap = wrapper("refusal_suppression")
