import { App, pass, stop } from "../../plugins-sdk/node/src/index.js";

const app = new App("bench");

app.gate(({ header }) => (header.team === "red" ? pass("only team red") : stop("only team red")));

await app.main();
