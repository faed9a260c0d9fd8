"""App `pipeline`: the workflow that ties the other teams' apps together. It does no work of its own."""

from datetime import timedelta

from antiphon import RetryPolicy, Worker, workflow

from contracts import (
    Dataset,
    FeaturePart,
    Inference,
    InferenceRequest,
    IngestRequest,
    LoadedModel,
    PipelineRequest,
    Report,
    TrainedModel,
    TrainingRequest,
)

# Other teams deploy when they like: what fails for a moment is tried again, for about a minute.
PATIENT = RetryPolicy(max_attempts=6, first_interval=timedelta(seconds=1), max_interval=timedelta(seconds=30))
# Training is costly: one more attempt, and none for input that will not get better.
TRAINING = RetryPolicy(max_attempts=2, first_interval=timedelta(seconds=5), non_retryable=["ValueError"])


@workflow.define
async def ml_pipeline(ctx: workflow.Context, request: PipelineRequest) -> Report:
    """From raw images to a model that answers."""
    ctx.set_custom_status("reading the data")
    dataset = await ctx.call_activity(
        "ingest",
        IngestRequest(request.folder, request.parts),
        app="data-processing",
        result=Dataset,
        retry=PATIENT,
    )

    ctx.set_custom_status("engineering features")
    *parts, holdout = await ctx.gather(
        *[
            ctx.call_activity("engineer_features", part, app="data-processing", result=FeaturePart, retry=PATIENT)
            for part in [*dataset.parts, dataset.holdout]
        ]
    )

    ctx.set_custom_status("training")
    model = await ctx.call_workflow(
        "train_model",
        TrainingRequest(request.folder, parts),
        app="training",
        result=TrainedModel,
        retry=TRAINING,
    )

    ctx.set_custom_status(f"serving {model.candidate}")
    loaded = await ctx.call_activity("load_model", model, app="serving", result=LoadedModel, retry=PATIENT)
    inference = await ctx.call_activity(
        "set_up_inference", InferenceRequest(loaded, holdout), app="serving", result=Inference, retry=PATIENT
    )
    return Report(model, inference)


if __name__ == "__main__":
    Worker(workflows=[ml_pipeline]).run_sync()
