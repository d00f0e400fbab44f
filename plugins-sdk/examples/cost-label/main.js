import { app } from "./cost-label.js";

await app.main();
