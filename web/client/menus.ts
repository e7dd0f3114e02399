// Menus that unfold: Escape closes the open one and goes back to its button, a press anywhere else closes it too.

export function startMenus(): void {
  const open = () => document.querySelectorAll<HTMLDetailsElement>("details.menu[open]");
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog:modal") !== null) return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
  });
  document.addEventListener("pointerdown", (event) => {
    for (const menu of open()) if (!(event.target instanceof Node) || !menu.contains(event.target)) menu.open = false;
  });
}
