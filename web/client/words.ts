// Words and icons that the server put into the page, in the person's language.

const words: Record<string, string> = Object.assign(
  {},
  ...Array.from(document.querySelectorAll<HTMLElement>("[data-words]"), (element) => JSON.parse(element.dataset["words"] ?? "{}")),
);

/** The sentence of that name with its `{places}` filled in. */
export function say(name: string, places: Record<string, string | number> = {}): string {
  const sentence = words[name] ?? name;
  return sentence.replace(/\{(\w+)\}/g, (whole, place: string) => String(places[place] ?? whole));
}

/** An icon of the sprite. */
export function icon(name: string): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `${document.documentElement.dataset["icons"] ?? ""}#i-${name}`);
  svg.append(use);
  return svg;
}

/** An element with attributes and children; texts stay texts. */
export function element(tag: string, attributes: Record<string, string> = {}, ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** `14:02`, in the zone of the page. */
export function clock(at: string, seconds = false): string {
  const zone = document.documentElement.dataset["zone"] ?? "Asia/Ho_Chi_Minh";
  const form: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone };
  if (seconds) form.second = "2-digit";
  return new Intl.DateTimeFormat("vi", form).format(new Date(at));
}
