from antiphon import Worker, activity


@activity.define
def charge(amount: int) -> str:
    return f"receipt over {amount}"


if __name__ == "__main__":
    Worker(activities=[charge]).run_sync()
