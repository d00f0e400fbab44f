from sluice_plugin import App, passed, stop

app = App("bench")


@app.gate()
def only_red(call):
    return passed("only team red") if call.header.get("team") == "red" else stop("only team red")


app.main()
