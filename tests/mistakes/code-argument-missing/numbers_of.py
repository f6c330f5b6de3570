def load(path, limit=10):
    return path


def paint(context, color):
    context.set("picture", color)


def look(context):
    return context.get("pictures")


def show(context):
    return context["picture"] if hasattr(context, "x") else context.get("picture")
