"""E03xx and W030x: names and imports."""

from __future__ import annotations

from nnc.base.diagnostic import Explanation
from nnc.language.explanations.example import in_model, whole

TABLE: tuple[Explanation, ...] = (
    in_model(
        "E0301",
        "unknown name",
        "A name is a variable of the block, an argument, a definition of the file, of an imported file or of the "
        "library, or a function of the language.",
        "y = x |> Dence(4)",
        "y = x |> Dense(4)",
    ),
    in_model(
        "E0302",
        "used before it is assigned",
        "Statements run in order.",
        "y = h |> Dense(4)\nh = x |> Dense(6, relu)",
        "h = x |> Dense(6, relu)\ny = h |> Dense(4)",
    ),
    in_model(
        "E0303",
        "assigned twice",
        "A name is bound once in a block, so that it means one thing.",
        "h = x |> Dense(6, relu)\nh = h |> Dense(6, relu)\ny = h |> Dense(4)",
        "h = x |> Dense(6, relu) |> Dense(6, relu)\ny = h |> Dense(4)",
    ),
    in_model(
        "E0304",
        "a result is never assigned",
        "The body assigns every result that the signature names; that of a function's block is `result`.",
        "z = x |> Dense(4)",
        "y = x |> Dense(4)",
    ),
    whole(
        "E0305",
        "defined twice",
        "A file defines a name once.",
        "fn twice(x) = 2 * x\nfn twice(x) = x + x\n",
        "fn twice(x) = 2 * x\n",
    ),
    in_model(
        "E0306",
        "no such attribute",
        "Records and several results are read by name, imported files by what they define, layers by their "
        "parameters and configuration.",
        "sizes = { hidden: 6 }\ny = x |> Dense(sizes.hiden) |> Dense(4)",
        "sizes = { hidden: 6 }\ny = x |> Dense(sizes.hidden) |> Dense(4)",
    ),
    whole(
        "E0307",
        "an import that cannot be read",
        "Imports are relative to the importing file and stay inside of the folder of the program.",
        'import "/blocks.nn"\n',
        "",
    ),
    Explanation(
        "E0308",
        "files import each other in a circle",
        "Move what both need into a third file.",
        'import "circle.nn"\n# circle.nn imports this file\nmodel Net(x: float[4]) -> y {\n    y = x\n}\n',
        'import "blocks.nn"\nmodel Net(x: float[4]) -> y {\n    y = x |> blocks.Twice\n}\n',
    ),
    Explanation(
        "E0309",
        "the imported file has no such definition",
        "`from` names definitions of that file.",
        'from "blocks.nn" import Twise\nmodel Net(x: float[4]) -> y {\n    y = x |> Twise\n}\n',
        'from "blocks.nn" import Twice\nmodel Net(x: float[4]) -> y {\n    y = x |> Twice\n}\n',
    ),
    in_model(
        "W0301",
        "unused variable",
        "Nothing reads it. It may be a misspelling of what should have been read.",
        "h = x |> Dense(6)\ny = x |> Dense(4)",
        "h = x |> Dense(6)\ny = h |> Dense(4)",
    ),
    whole(
        "W0302",
        "unused parameter",
        "An argument, input, `param` or `target` that nothing reads.",
        "layer Half(units: int)(x: float[..., D]) -> y {\n    y = x |> Dense(D // 2)\n}\n",
        "layer Half()(x: float[..., D]) -> y {\n    y = x |> Dense(D // 2)\n}\n",
    ),
)
