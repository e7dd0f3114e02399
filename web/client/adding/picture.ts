// A picture before it goes over a thin line: upright, no larger than it has to be, without what the camera wrote into it.

const LONGEST = 1920;
const QUALITY = 0.85;

async function drawn(source: CanvasImageSource, width: number, height: number): Promise<Blob> {
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d")?.drawImage(source, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  if (blob === null) throw new Error("the picture could not be encoded");
  return blob;
}

/** A chosen file as it should be sent; what is no picture, or one that this browser cannot read, goes as it is. */
export async function prepared(file: File): Promise<Blob> {
  if (!file.type.startsWith("image/")) return file;
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    try {
      return await drawn(bitmap, bitmap.width, bitmap.height);
    } finally {
      bitmap.close();
    }
  } catch {
    return file; // the server says what is wrong with it
  }
}

/** The frame that one's own camera shows now; null while it shows none. */
export async function frame(video: HTMLVideoElement | null): Promise<Blob | null> {
  if (video === null || video.videoWidth === 0) return null;
  return drawn(video, video.videoWidth, video.videoHeight);
}
