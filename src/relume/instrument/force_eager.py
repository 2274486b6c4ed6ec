"""Makes compiled models run eagerly for a while."""

from typing import Any

import torch

from relume.instrument.private_names import compiler_stance


class ForceEager:
    """Makes compiled models run eagerly for a while, without compiling anything again.

    torch's compiler chooses at each call whether to run compiled code. Under the stance
    ``force_eager`` it runs the Python code; afterwards it uses the compiled code again.
    """

    def __init__(self) -> None:
        self._set: Any = None

    def force(self, *, over_users: bool = False) -> None:
        """Run eagerly from now on, if the compiler is loaded in this process.

        Args:
            over_users: also where the user has set a stance, which is restored.
        """
        stance = compiler_stance()
        if self._set is not None or stance is None:
            return
        if over_users or stance.stance == "default":
            self._set = torch.compiler.set_stance("force_eager")

    def restore(self) -> None:
        """Restore the stance; if the user has set another one since, that one stays."""
        own_stance, self._set = self._set, None
        if own_stance is not None and compiler_stance() is own_stance.stance:
            own_stance.__exit__(None, None, None)
