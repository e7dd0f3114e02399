// The resumable sender (tus 1.0.0), a module of its own: it is fetched when somebody first sends a file.

export { Upload } from "tus-js-client";
