"""The schedule of a model: every step's kernels, buffers and order, and the layout of the flat buffers.

In: an elaborated model with its steps' programs, simplified. Out: `Schedule`. It decides nothing itself: it calls
`normalise`, `fuse`, `materialise`, `layout`, `assign`, `hazards`, `memory` and `numbers` in turn, and has `verify`
check what comes of it.
"""

from __future__ import annotations

from nnc.schedule import assign, fuse, hazards, layout, materialise, memory, naming, normalise, numbers, verify
from nnc.schedule.kernel import Accumulator, Schedule, Space, StepSchedule
from nnc.tensor.program import Model, Program, Role


def run(model: Model, train: Program | None, evaluate: Program | None, predict: Program) -> Schedule:
    """Raises nothing of its own."""
    train = None if train is None else normalise.run(train)
    plan = None if train is None else materialise.run(fuse.run(train))
    folded = frozenset[str]() if plan is None else _folded(plan)
    together = [] if train is None else layout.updated_together(train)
    parameters = layout.flat_layout(((p.path, p.type) for p in model.parameters), folded, together)
    slots = {} if train is None else layout.slot_layouts(train, parameters)
    states = layout.state_layout((s.path, s.type) for s in model.states)
    scored = None if evaluate is None else _plan(evaluate)
    accumulators = _accumulators(plan or scored)
    settings, attributes = model.settings, naming.attributes(model)
    world = assign.World(parameters, slots, states, accumulators, settings.batch_size, settings.precision, attributes)
    return Schedule(
        model,
        parameters,
        slots,
        states,
        accumulators,
        attributes,
        None if plan is None else _step("train", plan, world),
        None if scored is None else _step("evaluate", scored, world),
        _step("predict", _plan(predict), world),
    )


def _accumulators(plan: materialise.Plan | None) -> tuple[Accumulator, ...]:
    if plan is None:
        return ()
    program = plan.fusion.program
    pairs = zip(program.function.results, program.outputs, strict=True)
    rows = [(b, value.type, value in plan.fusion.finished) for value, b in pairs if b.role is Role.ACCUMULATOR]
    return layout.accumulators(rows) if rows else ()


def _plan(program: Program) -> materialise.Plan:
    return materialise.run(fuse.run(normalise.run(program)))


def _step(name: str, plan: materialise.Plan, world: assign.World) -> StepSchedule:
    kernels, placement = hazards.run(*assign.run(plan, world), world.batch)
    ordered = numbers.run(memory.write_over(memory.order(kernels)))
    given = set(plan.fusion.program.function.parameters)
    for kernel in ordered:
        for write in kernel.writes:
            if write.value not in given and (write.buffer.space is not Space.SUMS or write.value not in placement):
                placement[write.value] = write.buffer
    step = StepSchedule(name, plan.fusion.program, ordered, placement, memory.lifetimes(ordered))
    verify.verify(step)
    return step


def _folded(plan: materialise.Plan) -> frozenset[str]:
    """Paths of the parameters whose gradient is finished from partials."""
    program = plan.fusion.program
    pairs = zip(program.function.results, program.outputs, strict=True)
    return frozenset(b.name for value, b in pairs if b.role is Role.GRADIENT and value in plan.fusion.finished)
