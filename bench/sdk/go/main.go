package main

import sluice "sluice.example/plugin"

func main() {
	app := sluice.App{Name: "bench"}
	app.Gate(func(call *sluice.Call) (sluice.GateAnswer, error) {
		if call.Text("team") == "red" {
			return sluice.Pass("only team red"), nil
		}
		return sluice.Stop("only team red"), nil
	})
	app.Main()
}
