// Messages of other rooms, told of for a moment.

export interface Toast {
  id: number;
  roomId: string;
  title: string;
  text: string;
}

/** More would cover the page. */
const MOST = 3;

class Toasts {
  shown = $state.raw<readonly Toast[]>([]);
  #next = 1;

  /** The newest of a room takes the place of the one before. */
  show(toast: Omit<Toast, 'id'>): void {
    const others = this.shown.filter(({ roomId }) => roomId !== toast.roomId);
    this.shown = [...others, { ...toast, id: this.#next++ }].slice(-MOST);
  }

  dismiss(id: number): void {
    this.shown = this.shown.filter((toast) => toast.id !== id);
  }

  /** One is there by now. */
  entered(roomId: string | undefined): void {
    if (this.shown.some((toast) => toast.roomId === roomId)) {
      this.shown = this.shown.filter((toast) => toast.roomId !== roomId);
    }
  }
}

export const toasts = new Toasts();
