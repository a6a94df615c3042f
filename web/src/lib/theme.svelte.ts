// Light, dark, or as the system has it.

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'plaza.theme';
const ORDER: Theme[] = ['system', 'light', 'dark'];

class ThemeChoice {
  current = $state<Theme>((document.documentElement.dataset['theme'] as Theme | undefined) ?? 'system');

  next(): void {
    this.current = ORDER[(ORDER.indexOf(this.current) + 1) % ORDER.length] ?? 'system';
    if (this.current === 'system') {
      delete document.documentElement.dataset['theme'];
      localStorage.removeItem(KEY);
    } else {
      document.documentElement.dataset['theme'] = this.current;
      localStorage.setItem(KEY, this.current);
    }
  }
}

export const theme = new ThemeChoice();
