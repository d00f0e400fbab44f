module sluice.example/plugin

go 1.19
