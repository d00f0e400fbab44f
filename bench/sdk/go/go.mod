module gate

go 1.19

require sluice.example/plugin v0.1.0

replace sluice.example/plugin => ../../../plugins-sdk/go
