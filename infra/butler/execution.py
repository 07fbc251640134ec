"""Running a pipeline over a repository, in this process, so that it can be killed and run again."""

import gc
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from lsst.daf.butler import Butler, CollectionType, DatasetRef
from lsst.pipe.base import Pipeline
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph
from lsst.pipe.base.quantum_graph_builder import QuantumGraphBuilderError
from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor
from lsst.pipe.base.single_quantum_executor import SingleQuantumExecutor

from infra.butler.collections import register_run
from infra.errors import RepositoryError
from infra.progress import advance

__all__ = ["PipelineOutcome", "PipelineRequest", "run_pipeline"]


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """A pipeline with everything filled in: what ``pipetask run`` would be given."""

    pipeline: Path
    """Pipeline YAML."""
    where: str
    """Data query, such as ``instrument='LATISS' AND exposure IN (2024031800002..2024031800021)``."""
    inputs: tuple[str, ...]
    """Collections searched in this order; pinned RUNs of calibrations stand first."""
    output: str
    """Chain that will hold the output RUN first and then the inputs."""
    output_run: str
    """RUN to write into; an unfinished one is gone on with."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Configuration overrides, ``label:field`` to value."""

    def command(self, repository: str = '"$REPO"', pipeline: str | None = None) -> str:
        """Return the ``pipetask run`` command that does the same by hand.

        Parameters
        ----------
        repository
            Text to put for the repository; a shell variable by default.
        pipeline
            Text to put for the pipeline file; its path by default.
        """
        options = [
            f"-b {repository} -p {pipeline or shlex.quote(str(self.pipeline))}",
            f"-i {','.join(self.inputs)}",
            f"-o {self.output}",
            f"--output-run {self.output_run}",
            *(f"-c {shlex.quote(f'{key}={value}')}" for key, value in self.overrides.items()),
            f'-d "{_in_double_quotes(self.where)}"',
            "--register-dataset-types",
        ]
        return " \\\n    ".join(["pipetask run", *options])


def _in_double_quotes(text: str) -> str:
    """Return text that stands for itself between the shell's double quotes."""
    return re.sub(r'([\\"$`])', r"\\\1", text)


@dataclass(frozen=True, slots=True)
class PipelineOutcome:
    """What a pipeline left in its RUN."""

    run: str
    outputs: Mapping[str, tuple[DatasetRef, ...]]
    """Datasets of every output type of the pipeline, logs and metadata left out."""
    configuration: str
    """Resolved configuration of all tasks, as the RUN keeps it."""


def run_pipeline(butler: Butler, request: PipelineRequest) -> PipelineOutcome:
    """Run a pipeline to its end, going on where an earlier attempt on the same RUN stopped.

    Parameters
    ----------
    butler
        A writeable Butler.
    request
        What to run.

    Raises
    ------
    RepositoryError
        The pipeline cannot be built; the data query matches nothing to do; or a quantum failed: the others
        have been run, and the message names the data ID and the cause of each that failed.
    """
    register_run(butler, request.output_run)
    scoped = butler.clone(collections=request.inputs, run=request.output_run)
    executor = SeparablePipelineExecutor(scoped, clobber_output=True, skip_existing_in=[request.output_run])
    pipeline = _buildable(request)
    try:
        graph = executor.build_quantum_graph(pipeline, where=request.where)
    except (QuantumGraphBuilderError, LookupError, FileNotFoundError) as error:
        raise RepositoryError(
            f"no work for {request.pipeline.stem} in {request.output_run}: {error}"
        ) from error
    executor.pre_execute_qgraph(graph, register_dataset_types=True)
    failures = _execute(scoped, graph, request.pipeline.stem)
    if failures:
        raise RepositoryError(
            f"{request.pipeline.stem} failed in {request.output_run}: {'; '.join(failures)}",
            "the log datasets there tell the rest; mend the cause and run the campaign again to go on",
        )
    _chain_outputs(butler, request)
    return collect_outputs(butler, request)


def _execute(butler: Butler, graph: PredictedQuantumGraph, work: str) -> list[str]:
    """Run every quantum that can be run, one at a time; return why the others failed."""
    quantum_executor = SingleQuantumExecutor(butler=butler, skip_existing=True, clobber_outputs=True)
    graph.build_execution_quanta()
    nodes = graph.quantum_only_xgraph.nodes
    failures: list[str] = []
    lost: set[UUID] = set()
    for done, quantum_id in enumerate(graph, start=1):
        if lost & set(graph.quantum_only_xgraph.predecessors(quantum_id)):
            lost.add(quantum_id)
            continue
        node = nodes[quantum_id]
        try:
            quantum_executor.execute(node["pipeline_node"], node["quantum"], quantum_id)
        except Exception as error:  # noqa: BLE001 - whatever a task raises, the other detectors go on
            failures.append(f"{node['quantum'].dataId}: {str(error) or repr(error)}")
            lost.add(quantum_id)
        # Images of a quantum hang together in circles; a long-lived worker must not carry them to the next.
        gc.collect()
        advance(work, done, len(graph))
    return failures


def collect_outputs(butler: Butler, request: PipelineRequest) -> PipelineOutcome:
    """Return what the pipeline's RUN holds now, run before or not."""
    pipeline_graph = _pipeline(request).to_graph(butler.registry)
    outputs: dict[str, tuple[DatasetRef, ...]] = {}
    configuration: list[str] = []
    for node in pipeline_graph.tasks.values():
        for edge in node.outputs.values():
            refs = butler.query_datasets(
                edge.parent_dataset_type_name,
                collections=[request.output_run],
                find_first=False,
                explain=False,
            )
            outputs[edge.parent_dataset_type_name] = tuple(sorted(refs, key=lambda ref: str(ref.dataId)))
        configuration.append(f"# {node.label}: {node.task_class_name}\n{node.get_config_str()}")
    return PipelineOutcome(
        run=request.output_run, outputs=outputs, configuration="\n".join(sorted(configuration))
    )


def _pipeline(request: PipelineRequest) -> Pipeline:
    pipeline = Pipeline.fromFile(str(request.pipeline))
    for key, value in request.overrides.items():
        label, _, name = key.partition(":")
        pipeline.addConfigOverride(label, name, value)
    return pipeline


def _buildable(request: PipelineRequest) -> Pipeline:
    """Return the pipeline, after its tasks were imported and configured once."""
    try:
        pipeline = _pipeline(request)
        pipeline.to_graph()
    except Exception as error:  # a pipeline file may name any code, which may do anything
        reason = f"{type(error).__name__}: {error}"
        raise RepositoryError(
            f"the pipeline {request.pipeline} cannot be built: {reason}", "mend it, or what it names"
        ) from error
    return pipeline


def _chain_outputs(butler: Butler, request: PipelineRequest) -> None:
    """Make the output chain as ``pipetask run -o`` does: the newest RUN first, then the inputs."""
    butler.collections.register(request.output, CollectionType.CHAINED)
    children = list(butler.collections.get_info(request.output).children)
    wanted = [request.output_run, *request.inputs]
    wanted += [child for child in children if child not in wanted]
    if children != wanted:
        butler.collections.redefine_chain(request.output, wanted)
