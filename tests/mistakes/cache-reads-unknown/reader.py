def read(context, key):
    return context.get(key, 0)
