"""The role play attack; its prose and source are in role_play.md."""

from spiritlevel.elicit.attacks.prose import wrapper

wrap = wrapper("role_play")
