// cost-label: who pays for a job, as a label and in the environment.

import { App, Refuse, Unavailable } from "../../node/src/index.js";
import { Table } from "./table.js";

const NAME = "COST_CENTER";
const LABEL = "cost-center";

export const app = new App("cost-label", { author: "examples", description: "labels jobs with the cost center of their team" });

function check({ teams, default: other }) {
  if (typeof teams !== "object" || teams === null) throw new Error("teams: must be an object");
  for (const [team, center] of [...Object.entries(teams), ...(other === undefined ? [] : [["default", other]])]) {
    if (!/^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(center)) {
      throw new Error(`${team}: a cost center has up to 63 of A-Z a-z 0-9 _ . -`);
    }
  }
}

export const table = new Table(process.env.COST_CENTERS || new URL("centers.json", import.meta.url), check);

function readTable() {
  try {
    return table.read();
  } catch (error) {
    throw new Unavailable(error.message, 5); // no job runs unpaid: it waits for the table
  }
}

function centerOf(team) {
  const { teams, default: other } = readTable();
  if (typeof team === "string" && Object.hasOwn(teams, team)) return teams[team];
  if (other !== undefined) return other;
  throw new Refuse(`header.team: must be one of ${Object.keys(teams).join(", ")}`);
}

/** What the submitter wrote there must be what we would have written: nothing may be changed. */
function agree(place, found, center) {
  if (found !== center) throw new Refuse(`${place}: is ${JSON.stringify(found)}, but this team's is ${center}: leave it out`);
}

function addTo(container, place, center) {
  container.env ??= [];
  const found = container.env.find((one) => one?.name === NAME);
  if (found) agree(`${place}.env.${NAME}`, found.value, center);
  else container.env.push({ name: NAME, value: center });
}

app.decorator(({ header, job }) => {
  const center = centerOf(header.team);
  const labels = ((job.metadata ??= {}).labels ??= {});
  if (labels[LABEL] === undefined) labels[LABEL] = center;
  agree(`job.metadata.labels.${LABEL}`, labels[LABEL], center);
  job.spec.roles.forEach(({ template }, i) => {
    for (const kind of ["initContainers", "containers"]) {
      template.spec?.[kind]?.forEach((one, j) => addTo(one, `job.spec.roles[${i}].template.spec.${kind}[${j}]`, center));
    }
  });
}, { sideEffects: "none" });
