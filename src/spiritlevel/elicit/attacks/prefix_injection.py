"""The prefix injection attack; its prose and source are in prefix_injection.md."""

from spiritlevel.elicit.attacks.prose import wrapper

wrap = wrapper("prefix_injection")
