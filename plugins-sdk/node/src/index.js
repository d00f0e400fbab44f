// Plugins for the Sluice admission gateway: a function, and ten lines around it.
//
//     import { App, pass, stop } from "sluice-plugin";
//
//     const app = new App("red-gate", { author: "me", description: "team red only" });
//     app.gate((call) => (call.header.team === "red" ? pass() : stop("only team red works here today")));
//     await app.main();

export { OK, RE, Refuse, Unavailable, exception, factor, pass, stop, suspend } from "./answers.js";
export { App } from "./app.js";
export { Call, Change } from "./call.js";
export { listen } from "./server.js";
export { isSigned, parseKeys, sign } from "./signature.js";
