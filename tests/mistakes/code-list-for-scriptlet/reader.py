from scriptlets.framework import BaseScriptlet


class Reader(BaseScriptlet):
    def run(self, context, params):
        return {"path": params["path"], "limit": params.get("limit", 10)}
