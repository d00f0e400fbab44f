import { make } from "./reference.js";

await make().main();
