import type { TokenSource } from "./tokenSource.js";

/** What is said to the other clients of the origin: nothing but this. */
export type Announcement = "signed-out" | "identity-changed";

/** How a source learns that the account changed where it cannot see it, and tells others. */
export interface Announcements {
  change(what: Announcement): void;
  close(): void;
}

/** Listens on the `BroadcastChannel` of that name, if it is not null, and to the page's return from the browser's memory. */
export function announcements(source: TokenSource, name: string | null): Announcements {
  let channel = name !== null && "BroadcastChannel" in globalThis ? new BroadcastChannel(name) : undefined;
  if (channel) {
    channel.onmessage = ({ data }: MessageEvent) => source.changeAccount(data === "signed-out");
    // In Node an open channel would keep the process.
    (channel as { unref?(): void }).unref?.();
  }
  // Such a page may show an account that was left meanwhile.
  const onShow = ((event: PageTransitionEvent) => event.persisted && source.changeAccount()) as EventListener;
  const isPage = "onpageshow" in globalThis;
  if (isPage) addEventListener("pageshow", onShow);
  return {
    change(what) {
      if (what === "signed-out") source.changeAccount(true);
      else source.identityChanged();
      channel?.postMessage(what);
    },
    close() {
      source.close();
      channel?.close();
      channel = undefined;
      if (isPage) removeEventListener("pageshow", onShow);
    },
  };
}
