// Uploads that are not done, kept in this browser so that they go on after a reload: where each is, and its bytes if
// there is room for a copy of them. Nothing of the session is kept.

/** @typedef {{ key: string, owner: string, url: string, name: string, type: string, size: number, modified: number, purpose: string, provider: string, file: Blob | null }} Kept */

/** Files up to this size are copied, so that nobody has to choose them again. */
const COPIED = 1 << 30;
const STORE = "uploads";

/** @type {Promise<IDBDatabase> | null} */
let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("loadlock", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} act
 * @returns {Promise<T>}
 */
async function run(mode, act) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode);
    const request = act(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** @param {Kept} kept */
export async function keep(kept) {
  const small = { ...kept, file: null };
  try {
    await run("readwrite", (store) => store.put(small));
    if (kept.file && kept.size <= COPIED) await run("readwrite", (store) => store.put(kept));
  } catch {
    // No room, or a private window: it goes on as long as the page is open.
  }
}

/** @param {string} key */
export async function forget(key) {
  await run("readwrite", (store) => store.delete(key)).catch(() => {});
}

/**
 * @param {string} owner
 * @returns {Promise<Kept[]>}
 */
export async function all(owner) {
  const kept = await run("readonly", (store) => store.getAll()).catch(() => []);
  return kept.filter((/** @type {Kept} */ one) => one.owner === owner);
}
