// Asks before something is done that cannot be taken back.

export interface Question {
  heading: string;
  text: string;
  action: string;
  answer(yes: boolean): void;
}

class Confirmation {
  question = $state.raw<Question | undefined>();

  /** Resolves to whether the answer was yes. */
  ask(question: Omit<Question, 'answer'>): Promise<boolean> {
    this.question?.answer(false);
    return new Promise((resolve) => {
      const answer = (yes: boolean) => {
        this.question = undefined;
        resolve(yes);
      };
      this.question = { ...question, answer };
    });
  }
}

export const confirmation = new Confirmation();
