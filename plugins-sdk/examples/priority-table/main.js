import { app } from "./priority-table.js";

await app.main();
